use super::{least, median, most, percentile};

#[test]
fn the_median_does_not_care_for_order_or_outliers() {
    assert_eq!(median(&[3.0, 1000.0, 1.0]), 3.0);
    assert_eq!(median(&[4.0, 1.0, 2.0, 1000.0]), 3.0);
    assert!(median(&[]).is_nan());
}

#[test]
fn least_and_most_are_the_ends() {
    assert_eq!(
        (least(&[2.0, 1.0, 3.0]), most(&[2.0, 1.0, 3.0])),
        (1.0, 3.0)
    );
}

#[test]
fn a_percentile_is_one_of_the_values() {
    let sorted: Vec<u32> = (0..100).collect();
    assert_eq!(percentile(&sorted, 0.5), 50);
    assert_eq!(percentile(&sorted, 1.0), 99);
    assert_eq!(percentile(&[], 0.5), 0);
}
