use super::Counter;

#[test]
fn perf_counts_every_call() {
    let text = "# started on Sat\n\n29,,raw_syscalls:sys_enter,1066666,100.00,,\n";
    assert_eq!(Counter::Perf.counts(text).unwrap()["calls"], 29.0);
}

#[test]
fn a_perf_that_was_not_permitted_counts_nothing() {
    let text = "<not supported>,,raw_syscalls:sys_enter,0,100.00,,\n";
    assert!(Counter::Perf.counts(text).is_none());
}

#[test]
fn strace_counts_by_name_with_errors_or_without() {
    let text = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 75.00    0.000300           3       100        40 recvfrom
 25.00    0.000100           2        50           sendto
------ ----------- ----------- --------- --------- ----------------
100.00    0.000400           2       150        40 total
";
    let counts = Counter::Strace.counts(text).unwrap();
    assert_eq!(counts["strace:recvfrom"], 100.0);
    assert_eq!(counts["strace:sendto"], 50.0);
    assert_eq!(counts["strace:total"], 150.0);
    assert_eq!(counts.len(), 3);
}

#[test]
fn valgrind_counts_instructions_allocations_and_bytes() {
    let callgrind = "==7== Events    : Ir\n==7== Collected : 123456\n";
    assert_eq!(
        Counter::Callgrind.counts(callgrind).unwrap()["instr"],
        123_456.0
    );
    let memcheck = "==7==   total heap usage: 1,234 allocs, 1,200 frees, 56,789 bytes allocated\n";
    let counts = Counter::Memcheck.counts(memcheck).unwrap();
    assert_eq!((counts["allocs"], counts["bytes"]), (1234.0, 56_789.0));
}
