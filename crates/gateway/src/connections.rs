//! The connections of a listener: how many it may have, and which one ends when there are too many. A connection waits
//! while nobody on it has proved who it is; of those that wait, the one that has waited longest ends for a new one. So
//! whoever only holds connections open displaces itself, and whoever comes to work is let in.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{oneshot, watch};

/// Files that are left to the store, maps, telemetry and the process itself.
const FILES_RESERVED: usize = 256;
/// Connections of one listener that may wait at once: a whole fleet that comes back after a power cut, each with the
/// 40 KiB of a TLS handshake.
const WAITING_MAX: usize = 4_096;

/// How many connections a listener may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub open: usize,
    /// Of those, on which nobody has proved who it is.
    pub waiting: usize,
    /// Of those that wait, from one address. Beyond authentication addresses say nothing: a proxy has one for everybody,
    /// and a carrier one for a whole fleet.
    pub waiting_per_peer: usize,
}

impl Limits {
    /// The limits of each of our two large listeners in a process that may have so many files open.
    pub fn for_files(files: u64) -> Self {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        let open = ((files - FILES_RESERVED.min(files / 2)) / 2).max(2);
        let waiting = (open / 2).clamp(1, WAITING_MAX);
        Self { open, waiting, waiting_per_peer: (waiting / 2).max(1) }
    }
}

impl Limits {
    /// The limits of a listener whose connections last a second: an eighth of another's, out of the files that are reserved.
    pub fn for_short(self) -> Self {
        let eighth = |number: usize| (number / 8).clamp(1, FILES_RESERVED / 2);
        Self { open: eighth(self.open), waiting: eighth(self.waiting), waiting_per_peer: eighth(self.waiting_per_peer) }
    }
}

/// Whom a connection comes from: an address, or what one subscriber has of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Peer(IpAddr);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            v4 => v4,
        })
    }
}

/// Which connections there are.
#[derive(Debug)]
struct Table {
    limits: Limits,
    /// The next number of a connection, and of its turn among those that wait.
    next: u64,
    open: BTreeMap<u64, Open>,
    /// Those that wait, by peer and turn, with what number they have and since when they wait.
    waiting: BTreeMap<Peer, BTreeMap<u64, (u64, Instant)>>,
    /// Those that must end and have not yet: each still has its file.
    ending: watch::Sender<usize>,
}

#[derive(Debug)]
struct Open {
    peer: Peer,
    turn: Option<u64>,
    holds: usize,
    /// The connection ends when this goes.
    _end: oneshot::Sender<Infallible>,
}

impl Table {
    fn new(limits: Limits) -> Self {
        Self { limits, next: 0, open: BTreeMap::new(), waiting: BTreeMap::new(), ending: watch::Sender::new(0) }
    }

    /// A connection more, which waits; none where all others are held.
    fn enter(&mut self, peer: Peer, now: Instant) -> Option<(u64, oneshot::Receiver<Infallible>)> {
        if self.waiting.get(&peer).map_or(0, BTreeMap::len) >= self.limits.waiting_per_peer {
            self.end_longest_of(peer);
        }
        if self.waits() >= self.limits.waiting || self.open.len() >= self.limits.open {
            let most = self.waiting.iter().max_by_key(|(_, turns)| turns.len()).map(|(peer, _)| *peer);
            self.end_longest_of(most?);
        }
        let id = self.number();
        let (end, ended) = oneshot::channel();
        self.open.insert(id, Open { peer, turn: None, holds: 0, _end: end });
        self.wait(id, now);
        Some((id, ended))
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn waits(&self) -> usize {
        self.waiting.values().map(BTreeMap::len).sum()
    }

    fn end_longest_of(&mut self, peer: Peer) {
        let longest = self.waiting.get(&peer).and_then(|turns| turns.values().next()).map(|(id, _)| *id);
        if let Some(id) = longest {
            self.end(id);
        }
    }

    fn wait(&mut self, id: u64, now: Instant) {
        let turn = self.number();
        if let Some(open) = self.open.get_mut(&id) {
            open.turn = Some(turn);
            self.waiting.entry(open.peer).or_default().insert(turn, (id, now));
        }
    }

    fn wait_no_more(&mut self, id: u64) {
        let Some(open) = self.open.get_mut(&id) else { return };
        let (peer, Some(turn)) = (open.peer, open.turn.take()) else { return };
        if let Some(turns) = self.waiting.get_mut(&peer) {
            turns.remove(&turn);
            if turns.is_empty() {
                self.waiting.remove(&peer);
            }
        }
    }

    fn hold(&mut self, id: u64) {
        self.wait_no_more(id);
        if let Some(open) = self.open.get_mut(&id) {
            open.holds += 1;
        }
    }

    fn release(&mut self, id: u64, now: Instant) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.holds -= 1;
        if open.holds == 0 {
            self.wait(id, now);
        }
    }

    fn end(&mut self, id: u64) {
        self.wait_no_more(id);
        if self.open.remove(&id).is_some() {
            self.ending.send_modify(|ending| *ending += 1);
        }
    }

    /// The connection is gone, by itself or because it had to end.
    fn leave(&mut self, id: u64) {
        self.wait_no_more(id);
        if self.open.remove(&id).is_none() {
            self.ending.send_modify(|ending| *ending -= 1);
        }
    }

    fn end_waiting_for(&mut self, limit: Duration, now: Instant) {
        let late = |since: Instant| now.saturating_duration_since(since) >= limit;
        let turns = self.waiting.values().flat_map(BTreeMap::values);
        let ends: Vec<u64> = turns.filter(|(_, since)| late(*since)).map(|(id, _)| *id).collect();
        ends.into_iter().for_each(|id| self.end(id));
    }
}

/// The connections of one listener.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Mutex<Table>>);

impl Connections {
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Table::new(limits))))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a connection in, at the cost of one that has waited longer; nothing where there is none of those.
    pub fn admit<S>(&self, stream: S, peer: IpAddr) -> Option<Admitted<S>> {
        let (id, ended) = self.with(|table| table.enter(peer.into(), Instant::now()))?;
        Some(Admitted { stream, ended: Some(ended), place: Place { id, peer, connections: self.clone() } })
    }

    /// How many must end and have not yet.
    pub fn ending(&self) -> watch::Receiver<usize> {
        self.with(|table| table.ending.subscribe())
    }

    /// Ends the connections on which nobody has proved who it is for so long.
    pub fn end_waiting_for(&self, limit: Duration) {
        self.with(|table| table.end_waiting_for(limit, Instant::now()));
    }
}

/// Which connection a request came over.
#[derive(Debug, Clone)]
pub struct Place {
    id: u64,
    peer: IpAddr,
    connections: Connections,
}

impl Place {
    /// The address at the other end: the client's, or that of a proxy.
    pub fn address(&self) -> IpAddr {
        self.peer.to_canonical()
    }

    /// Keeps the connection from ending for another, as somebody who has proved who it is is served on it.
    pub fn hold(&self) -> Held {
        self.connections.with(|table| table.hold(self.id));
        Held(self.clone())
    }
}

/// A connection does not end for another while this lives.
#[derive(Debug)]
pub struct Held(Place);

impl Drop for Held {
    fn drop(&mut self) {
        let Place { id, connections, .. } = &self.0;
        connections.with(|table| table.release(*id, Instant::now()));
    }
}

/// A connection that was let in. It counts for as long as it is not dropped, and breaks when it must end for another.
#[derive(Debug)]
pub struct Admitted<S> {
    stream: S,
    /// Ready when the connection must end; nothing once that was seen.
    ended: Option<oneshot::Receiver<Infallible>>,
    place: Place,
}

impl<S> Admitted<S> {
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// Breaks once the connection must end, and wakes the task then.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(ended) = &mut self.ended
            && Pin::new(ended).poll(cx).is_pending()
        {
            return Ok(());
        }
        self.ended = None;
        Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection ended for another"))
    }
}

impl<S> Drop for Admitted<S> {
    fn drop(&mut self) {
        let Place { id, connections, .. } = &self.place;
        connections.with(|table| table.leave(*id));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Admitted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Admitted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { open: 6, waiting: 4, waiting_per_peer: 3 };

    fn address(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    /// Which of some connections have not ended.
    fn alive(connections: &[Admitted<()>]) -> Vec<usize> {
        let lives = |Place { id, connections, .. }: &Place| connections.with(|table| table.open.contains_key(id));
        (0..connections.len()).filter(|n| lives(&connections[*n].place)).collect()
    }

    #[test]
    fn who_has_waited_longest_ends_for_who_comes() {
        let all = Connections::new(LIMITS);
        let one: Vec<_> = (0..5).map(|_| all.admit((), address(1)).unwrap()).collect();
        assert_eq!(alive(&one), [2, 3, 4], "an address has so many that wait");
        let others: Vec<_> = (2..5).map(|n| all.admit((), address(n)).unwrap()).collect();
        assert_eq!((alive(&one), alive(&others)), (vec![4], vec![0, 1, 2]), "who has the most loses one");
    }

    #[test]
    fn what_is_held_never_ends_for_another() {
        let all = Connections::new(LIMITS);
        let held: Vec<_> = (0..6).map(|_| all.admit((), address(1)).unwrap()).map(|c| (c.place().hold(), c)).collect();
        assert!(all.admit((), address(2)).is_none(), "there is no room");
        let (mut holds, connections): (Vec<_>, Vec<_>) = held.into_iter().unzip();
        let second = connections[3].place().hold();
        drop(holds.remove(3));
        assert!(all.admit((), address(2)).is_none(), "it is still held once");
        drop(second);
        let new = all.admit((), address(2)).unwrap();
        assert_eq!(alive(&connections), [0, 1, 2, 4, 5], "who waits again can end");
        drop(new);
        assert!(all.admit((), address(2)).is_some(), "who left has made room");
    }

    #[test]
    fn who_does_not_say_who_it_is_ends_after_a_while() {
        let mut table = Table::new(LIMITS);
        let began = Instant::now();
        let second = Duration::from_secs(1);
        let first = table.enter(address(1).into(), began).unwrap();
        let mut held = table.enter(address(1).into(), began).unwrap();
        table.hold(held.0);
        let mut later = table.enter(address(1).into(), began + second).unwrap();
        table.end_waiting_for(2 * second, began + 2 * second);
        let mut ended = first.1;
        assert_eq!(ended.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        for kept in [&mut held.1, &mut later.1] {
            assert_eq!(kept.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        }
        table.release(held.0, began + 5 * second);
        table.end_waiting_for(2 * second, began + 6 * second);
        assert_eq!(table.open.len(), 1, "who was served has its time from then on");
    }

    #[test]
    fn addresses_of_one_subscriber_are_one_peer() {
        let peer = |text: &str| Peer::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(peer("2001:db8:0:1::1"), peer("2001:db8:0:1:ffff::2"));
        assert_ne!(peer("2001:db8:0:1::1"), peer("2001:db8:0:2::1"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
    }

    #[test]
    fn limits_leave_files_for_the_store() {
        for files in [1, 64, 128, 1_024, 65_536, u64::MAX] {
            let Limits { open, waiting, waiting_per_peer } = Limits::for_files(files);
            assert!(waiting_per_peer <= waiting && waiting < open, "{files}");
            assert!(files < 64 || 2 * open as u64 <= files - 32, "{files}");
        }
    }
}
