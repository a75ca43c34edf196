//! Virtual streams keep what all streams promise, over links of all kinds.

use super::*;

use nestling::testing::{check_half_close, check_stream};

/// Checks streams over `link`, between two hosts or within one.
fn conforms(seed: u64, link: &Link, within_one_host: bool) {
    run_virtual(async {
        let net = VirtualNet::builder(seed)
            .link(link.clone())
            .loopback(link.clone())
            .build();
        let server = net.host("server");
        let client = net.host(if within_one_host { "server" } else { "client" });
        let listener = server.bind("0.0.0.0:80").await.unwrap();
        let make = async || {
            let one = client.connect("server:80").await.unwrap();
            (one, listener.accept().await.unwrap().0)
        };
        let clogged = async || {
            let (one, other) = make().await;
            while let Some(written) = move_on_after(SECOND, one.write(&[7; 10_000])).await {
                written.unwrap();
            }
            (one, other)
        };
        check_stream(make).clogged(clogged).await;
        check_half_close(make).clogged(clogged).await;
        sleep(1000 * SECOND).await;
        assert_eq!(net.statistics().remembered, 0);
    });
}

#[test]
#[cfg_attr(miri, ignore = "it moves large amounts")]
fn over_a_good_link() {
    conforms(1, &Link::new(), false);
}

#[test]
#[cfg_attr(miri, ignore = "it moves large amounts")]
fn within_one_host() {
    conforms(1, &Link::new().latency(Duration::ZERO), true);
}

#[test]
#[cfg_attr(miri, ignore = "it moves large amounts")]
fn without_any_room() {
    let no_room = Link::new().send_buffer(1).receive_buffer(1);
    conforms(1, &no_room.latency(Duration::ZERO), false);
}

#[test]
#[cfg_attr(miri, ignore = "it moves large amounts")]
fn with_latency_and_pieces_and_small_buffers() {
    for seed in 0..times(4, 1) as u64 {
        let buffer = [10, 333, 4096, 65536][seed as usize % 4];
        // No more than a buffer goes through in a round trip, and the checks wait for some seconds.
        let round_trip = Duration::from_micros(buffer as u64);
        let link = Link::new()
            .latency(Duration::ZERO..=round_trip / 2)
            .pieces(1..=1000)
            .send_buffer(buffer)
            .receive_buffer(buffer * 2);
        conforms(seed, &link, seed % 3 == 0);
    }
}
