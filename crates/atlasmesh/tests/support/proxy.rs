//! A link that can be made to swallow what a vehicle says: the connection stays open, and nothing arrives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A proxy before a server's vehicle listener. Its threads end with the connections, at the latest with the test.
#[derive(Debug)]
pub struct Proxy {
    pub address: String,
    swallows: Arc<AtomicBool>,
}

impl Proxy {
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (swallows, server) = (Arc::new(AtomicBool::new(false)), server.to_owned());
        let swallowing = Arc::clone(&swallows);
        thread::spawn(move || {
            for vehicle in listener.incoming().map_while(Result::ok) {
                let Ok(there) = TcpStream::connect(&server) else { continue };
                let (from_vehicle, to_vehicle) = (vehicle.try_clone().unwrap(), vehicle);
                let (from_server, to_server) = (there.try_clone().unwrap(), there);
                let swallowing = Arc::clone(&swallowing);
                thread::spawn(move || carry(from_vehicle, to_server, &swallowing));
                thread::spawn(move || carry(from_server, to_vehicle, &AtomicBool::new(false)));
            }
        });
        Self { address, swallows }
    }

    /// From now on nothing that the vehicle says arrives; what it is told still does.
    pub fn swallow(&self) {
        self.swallows.store(true, Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if !swallows.load(Ordering::SeqCst) && to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    // Whoever is gone already needs not be told.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
