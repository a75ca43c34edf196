//! Each defect is found, by the case that is about it.

use nestling::net::ByteStream;
use nestling::testing::{
    check_half_close, check_stream, lockstep_stream_pair, memory_stream_pair,
    memory_stream_pair_with_capacity,
};

use super::faulty::{Defect, Faulty, faulty};
use crate::support::{message_of, run_virtual};

async fn full(defect: Defect) -> (Faulty, Faulty) {
    let (full, other) = memory_stream_pair_with_capacity(3);
    full.write_all(b"abc").await.unwrap();
    faulty(defect, (full, other))
}

/// What the whole check says.
fn found(defect: Defect) -> String {
    message_of(|| {
        run_virtual(async {
            check_stream(async || faulty(defect, memory_stream_pair()))
                .clogged(async || full(defect).await)
                .await;
        });
    })
}

fn found_without_a_buffer(defect: Defect) -> String {
    message_of(|| {
        run_virtual(async {
            check_stream(async || faulty(defect, lockstep_stream_pair()))
                .clogged(async || faulty(defect, lockstep_stream_pair()))
                .await;
        });
    })
}

fn found_half_closed(defect: Defect) -> String {
    message_of(|| {
        run_virtual(async {
            check_half_close(async || faulty(defect, memory_stream_pair()))
                .clogged(async || full(defect).await)
                .await;
        });
    })
}

/// A test for each defect: where it is looked for, and which rule it breaks.
macro_rules! found {
    ($($name:ident: $defect:ident, $check:ident, $rule:literal, $how:literal;)*) => {$(
        #[test]
        fn $name() {
            let text = $check(Defect::$defect);
            let start = concat!("the stream breaks the rule \"", $rule, "\": ");
            let how = text.strip_prefix(start);
            assert!(how.is_some_and(|how| how.starts_with($how)), "{text}");
        }
    )*};
}

found! {
    bytes_lost_with_a_dropped_read: LosesBytesWhenDropped, found,
        "a read that is dropped has taken nothing",
        "what was read is not what was written: from byte 0 on \"y\" instead of \"x\"";
    bytes_lost_with_a_dropped_read_without_a_buffer: LosesBytesWhenDropped, found_without_a_buffer,
        "a read that is dropped has taken nothing",
        "what was read is not what was written: from byte 0 on \"y\" instead of \"x\"";
    zero_before_the_end: ReturnsZeroBeforeTheEnd, found,
        "a read waits for bytes, and returns what has come in without waiting for more",
        "a read of an idle stream did not wait, it returned Ok(0)";
    a_reader_that_is_not_woken_by_the_end: ForgetsToWakeOnClose, found,
        "a waiting read returns 0 when the other end is dropped",
        "the read was not woken: it waited for 10s, though it could have gone on";
    a_reader_that_is_not_woken_by_bytes: ForgetsToWakeOnData, found,
        "a read waits for bytes, and returns what has come in without waiting for more",
        "a read of an idle stream was not woken";
    a_writer_that_is_not_woken_by_room: ForgetsToWakeTheWriter, found_without_a_buffer,
        "what is written is read at the other end, in the same order",
        "a write was not woken";
    two_readers: LetsTwoReadersIn, found,
        "a second reader gets an error that is busy",
        "a second read still waits after 10s";
    two_writers: LetsTwoWritersIn, found,
        "a second writer gets an error that is busy",
        "a second write still waits after 10s";
    an_end_sent_during_a_write: SendsEofDuringAWrite, found,
        "a second writer gets an error that is busy",
        "a send_eof during a write returned Ok(())";
    an_end_sent_during_a_write_by_the_other_check: SendsEofDuringAWrite, found_half_closed,
        "send_eof gets an error that is busy while another task is writing",
        "it returned Ok(())";
    writes_after_the_end: WritesAfterEof, found_half_closed,
        "after send_eof every write fails as closed",
        "a write returned Ok(1) instead of an error that is closed";
    closed_that_is_called_broken: CallsClosedBroken, found_half_closed,
        "after send_eof every write fails as closed",
        "the error of a write is not closed";
    writes_that_nobody_reads: WritesToNobody, found,
        "when the other end has been dropped, writes fail as broken before long, and stay so",
        "10000 writes succeeded";
    broken_only_once: BreaksOnlyOnce, found,
        "when the other end has been dropped, writes fail as broken before long, and stay so",
        "a later write returned Ok(1)";
    an_end_only_once: EndsOnlyOnce, found,
        "when the other end has been dropped, reads return what it has written, and then 0 for ever",
        "a second read at the end still waits";
    an_end_that_is_an_error: EndsWithAnError, found,
        "when the other end has been dropped, reads return what it has written, and then 0 for ever",
        "a read at the end failed: ";
    an_end_that_turns_into_an_error: LosesTheRestOnClose, found_half_closed,
        "an end that has sent its end and is dropped leaves no error for a reader",
        "a read at the end failed: ";
    an_empty_read_that_looks_like_the_end: ReadsNothingAsEnd, found,
        "a read into an empty buffer is an error, since 0 means the end",
        "such a read returned Ok(0)";
    a_read_that_waits_for_more: FillsItsBuffer, found,
        "a read waits for bytes, and returns what has come in without waiting for more",
        "a read of an idle stream still waits";
    an_empty_write_that_waits: WritesNothingLate, found,
        "to write nothing returns 0 at once, and the other end does not see it",
        "a write of nothing still waits";
    a_write_that_claims_too_much: ClaimsMoreThanItTook, found,
        "a write returns how many bytes it has written, at least 1 and no more than it was given",
        "a write of 8 bytes returned 9";
    a_dropped_write_that_is_made_up_for: WritesLateWhatWasDropped, found,
        "a write that is dropped while it waits has written nothing",
        "its bytes were read at the other end";
    a_read_that_is_not_cancelled: IgnoresCancellationOfReads, found,
        "in a cancelled context a read takes nothing and is cut off",
        "a read was not cut off, it returned Ok(2)";
    a_write_that_is_not_cancelled: IgnoresCancellationOfWrites, found,
        "in a cancelled context a write writes nothing and is cut off",
        "a write was not cut off, it returned Ok(5)";
    an_end_that_is_not_cancelled: IgnoresCancellationOfEof, found_half_closed,
        "in a cancelled context send_eof does nothing and is cut off",
        "send_eof was not cut off";
    a_wrong_byte: CorruptsAByte, found,
        "both directions carry any amount of bytes, independently of each other",
        "what was read is not what was written";
    a_dropped_read_that_stays: StaysBusyAfterADrop, found,
        "a read that is dropped has taken nothing",
        "a read failed: ";
    a_second_end_that_fails: RefusesASecondEof, found_half_closed,
        "a second send_eof does nothing",
        "it failed: ";
    an_end_of_both_directions: ClosesBothWithEof, found_half_closed,
        "after send_eof the other end reads what was written, and then 0 for ever",
        "a read at the end failed: ";
    an_end_that_does_not_arrive: DropsEof, found_half_closed,
        "after send_eof the other end reads what was written, and then 0 for ever",
        "a read at the end still waits";
    an_exact_read_that_is_not: ReadsExactlyLess, found,
        "read_exact fills its buffer, by as many reads as it takes",
        "read_exact";
    exact_reads_that_let_others_in: ExactReadersShare, found,
        "while a read_exact waits, other readers get an error that is busy",
        "a read still waits";
}
