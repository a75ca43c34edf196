//! Figures.

/// What a [`VirtualNet`](super::VirtualNet) has and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetStatistics {
    /// Hosts.
    pub hosts: usize,
    /// Sockets that listen.
    pub listeners: usize,
    /// Connections that are made and of use to one of their ends at least.
    pub connections: usize,
    /// Connections that the network remembers: also those that are being made, and those that are
    /// closed with something still on its way.
    pub remembered: usize,
    /// Bytes that have been written and not read: queued at their sender, on the wire, or unread.
    pub bytes_in_transit: usize,
    /// Calls so far, whatever came of them.
    pub calls: u64,
    /// Connections that have been accepted so far.
    pub accepted: u64,
    /// Resets so far.
    pub resets: u64,
    /// Packets that have arrived so far.
    pub packets: u64,
    /// Bytes that have arrived so far.
    pub bytes: u64,
}

/// What a [`Host`](super::Host) has and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStatistics {
    /// Whether it has not crashed.
    pub is_up: bool,
    /// Whether it has not been unplugged.
    pub is_plugged_in: bool,
    /// Sockets that listen.
    pub listeners: usize,
    /// Connections that wait to be accepted.
    pub backlog: usize,
    /// Ends of connections that are of use.
    pub connections: usize,
    /// Connections that it has accepted so far.
    pub accepted: u64,
    /// Bytes that have arrived here so far.
    pub bytes: u64,
}

/// What a [`VirtualStream`](super::VirtualStream) has and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStatistics {
    /// Bytes written so far.
    pub bytes_written: u64,
    /// Bytes read so far.
    pub bytes_read: u64,
    /// Bytes that have been written and not sent yet.
    pub queued: usize,
    /// Bytes that are on their way to the other side.
    pub on_the_wire: usize,
    /// Bytes that have come in and have not been read.
    pub unread: usize,
}

/// What is counted and never goes down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) calls: u64,
    pub(super) accepted: u64,
    pub(super) resets: u64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}
