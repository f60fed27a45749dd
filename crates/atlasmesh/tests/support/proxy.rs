//! A link that can be made to swallow what a vehicle says, while the connection stays open, or to break in the middle of what it
//! is told.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

/// A proxy before a server's listener for vehicles. Its threads end with the connections, at the latest with the test.
#[derive(Debug)]
pub struct Proxy {
    pub address: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    swallows: AtomicBool,
    /// Bytes for vehicles that came from the server.
    carried: AtomicU64,
    /// After how many of them a connection breaks, once.
    breaks_after: AtomicU64,
}

/// What becomes of some bytes.
enum Fate {
    Arrive,
    Vanish,
    Break,
}

impl State {
    fn of_vehicle(&self) -> Fate {
        if self.swallows.load(SeqCst) { Fate::Vanish } else { Fate::Arrive }
    }

    fn of_server(&self, length: usize) -> Fate {
        let carried = self.carried.fetch_add(length as u64, SeqCst) + length as u64;
        let after = self.breaks_after.load(SeqCst);
        let breaks = carried > after && self.breaks_after.compare_exchange(after, u64::MAX, SeqCst, SeqCst).is_ok();
        if breaks { Fate::Break } else { Fate::Arrive }
    }
}

impl Proxy {
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (swallows, carried, breaks_after) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(u64::MAX));
        let state = Arc::new(State { swallows, carried, breaks_after });
        let (server, shared) = (server.to_owned(), Arc::clone(&state));
        thread::spawn(move || {
            for vehicle in listener.incoming().map_while(Result::ok) {
                let Ok(there) = TcpStream::connect(&server) else { continue };
                let (from_vehicle, to_vehicle) = (vehicle.try_clone().unwrap(), vehicle);
                let (from_server, to_server) = (there.try_clone().unwrap(), there);
                let (one, other) = (Arc::clone(&shared), Arc::clone(&shared));
                thread::spawn(move || carry(from_vehicle, to_server, |_| one.of_vehicle()));
                thread::spawn(move || carry(from_server, to_vehicle, |length| other.of_server(length)));
            }
        });
        Self { address, state }
    }

    /// From now on nothing that the vehicle says arrives; what it is told still does.
    pub fn swallow(&self) {
        self.state.swallows.store(true, SeqCst);
    }

    /// The connection on which this many bytes from the server are exceeded breaks; later ones do not.
    pub fn break_after(&self, bytes: u64) {
        self.state.breaks_after.store(bytes, SeqCst);
    }

    /// Bytes that came from the server until now.
    pub fn carried(&self) -> u64 {
        self.state.carried.load(SeqCst)
    }

    /// Whether a connection broke as it was told to.
    pub fn has_broken(&self) -> bool {
        self.state.breaks_after.load(SeqCst) == u64::MAX
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, fate: impl Fn(usize) -> Fate) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        match fate(length) {
            Fate::Vanish => {}
            Fate::Arrive if to.write_all(&bytes[..length]).is_ok() => {}
            Fate::Arrive | Fate::Break => break,
        }
    }
    // Whoever is gone already needs not be told.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
