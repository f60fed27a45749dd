//! What every connection of a client needs from its socket, and how many the process may have.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use tokio::net::TcpStream;

/// How long a peer may take nothing of what was sent before the kernel ends its connection: longer than a reader is
/// waited for, so that who still lives is told first.
const UNTAKEN: Duration = Duration::from_secs(30);

/// Files that the process asks for: streams of many tenants beside the store's own. The system may allow fewer.
const FILES: u64 = 65_536;

/// Small messages leave at once instead of waiting for an acknowledgement (RFC 896), and a peer that takes nothing any
/// more does not hold its connection for ever (RFC 5482).
///
/// # Errors
/// What the system says of a socket that is gone.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_user_timeout(Some(UNTAKEN))
}

/// Lets the process open as many files as the system allows it, up to [`FILES`]: shells start it with 1,024.
///
/// # Errors
/// What the system refuses.
pub fn raise_file_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?)
}

/// How many files the process may open, up to [`FILES`].
pub fn file_limit() -> u64 {
    getrlimit(Resource::Nofile).current.map_or(FILES, |current| current.min(FILES))
}
