//! The sockets of this process, found among its open files.
//!
//! `pidfd_getfd(2)` duplicates an open file of a process by its number. The duplicate is the socket that was examined
//! even if the number is reused meanwhile, so that no other connection can be shut down by mistake.
//!
//! A duplicate of a file that is not a socket must never be closed: that would release the POSIX locks of the process
//! on this file (`fcntl(2)`), which may be the database.

use std::io;
use std::net::SocketAddr;

/// The receive buffer of a connection, which the kernel doubles for its own overhead.
///
/// hyper decodes all HTTP/2 requests in the buffer before the first one is refused, and one byte can represent a header
/// that takes 100 bytes of memory. Usual requests fit; a body of 16 KiB takes eight round trips.
const RECEIVE_BUFFER_SIZE: usize = 2048;

/// A connection of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    /// Distinguishes two connections that have the same peer one after the other.
    pub(super) inode: u64,
}

pub(super) use platform::OwnSockets;

#[cfg(target_os = "linux")]
mod platform {
    use std::fs;
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::fs::{FileType, fstat};
    use rustix::io::Errno;
    use rustix::net::sockopt::{set_socket_recv_buffer_size, socket_acceptconn};
    use rustix::net::{Shutdown, getpeername, getsockname, shutdown};
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    use super::{Connection, RECEIVE_BUFFER_SIZE, SocketAddr, io};

    /// Finds the connections of one local port.
    #[derive(Debug)]
    pub(in super::super) struct OwnSockets {
        process: OwnedFd,
        /// A reserved file descriptor, closed during a scan, which needs one even if clients use all others.
        reserve: Option<OwnedFd>,
        port: u16,
    }

    impl OwnSockets {
        /// Prepares to scan a port. Fails if the system or a sandbox does not permit `pidfd_getfd`.
        pub(in super::super) fn of_port(port: u16) -> io::Result<Self> {
            let process = pidfd_open(getpid(), PidfdFlags::empty())?;
            // The descriptor of the process is an open file, too.
            pidfd_getfd(&process, process.as_raw_fd(), PidfdGetfdFlags::empty())?;
            Ok(Self {
                reserve: Some(process.try_clone()?),
                process,
                port,
            })
        }

        /// Limits the receive buffer of connections that are accepted from now on.
        pub(in super::super) fn limit_receive_buffers(&self) -> io::Result<()> {
            for number in 0..file_table_size() {
                if let Ok(socket) = self.duplicate_socket(number)
                    && socket_acceptconn(&socket) == Ok(true)
                    && self.is_local(&socket)
                {
                    // Accepted sockets inherit the size from the listener.
                    set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_SIZE)?;
                }
            }
            Ok(())
        }

        /// Shuts down each connection for which `should_close` returns true.
        pub(in super::super) fn scan(&mut self, mut should_close: impl FnMut(Connection) -> bool) {
            self.reserve = None;
            for number in 0..file_table_size() {
                let socket = match self.duplicate_socket(number) {
                    Ok(socket) => socket,
                    // Clients use the reserve. The connections that this scan closed free descriptors for the next one.
                    Err(Errno::MFILE | Errno::NFILE) => break,
                    Err(_) => continue,
                };
                if let Some(connection) = self.connection(&socket)
                    && should_close(connection)
                {
                    // Fails if the peer has disconnected.
                    let _ = shutdown(&socket, Shutdown::Both);
                }
            }
            self.reserve = self.process.try_clone().ok();
        }

        fn duplicate_socket(&self, number: i32) -> Result<OwnedFd, Errno> {
            let target = fs::read_link(format!("/proc/self/fd/{number}"));
            if !target.is_ok_and(|target| target.as_os_str().as_bytes().starts_with(b"socket:")) {
                return Err(Errno::NOTSOCK);
            }
            let file = pidfd_getfd(&self.process, number, PidfdGetfdFlags::empty())?;
            let is_socket = fstat(&file)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket);
            if is_socket {
                Ok(file)
            } else {
                // The number was reused after it was read. The duplicate stays open, so that the locks on the file
                // remain.
                std::mem::forget(file);
                Err(Errno::NOTSOCK)
            }
        }

        fn connection(&self, socket: impl AsFd) -> Option<Connection> {
            if !self.is_local(&socket) {
                return None;
            }
            // A listener has no peer.
            let peer = SocketAddr::try_from(getpeername(&socket).ok()??).ok()?;
            let inode = fstat(&socket).ok()?.st_ino;
            Some(Connection { peer, inode })
        }

        fn is_local(&self, socket: impl AsFd) -> bool {
            let local = getsockname(&socket).ok();
            let local = local.and_then(|local| SocketAddr::try_from(local).ok());
            local.is_some_and(|local| local.port() == self.port)
        }
    }

    /// Returns the size of the table of open files, which exceeds the number of every open file.
    fn file_table_size() -> i32 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        line.and_then(|size| size.trim().parse().ok()).unwrap_or(0)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use super::{Connection, io};

    #[derive(Debug)]
    pub(in super::super) enum OwnSockets {}

    impl OwnSockets {
        pub(in super::super) fn of_port(_port: u16) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in super::super) fn limit_receive_buffers(&self) -> io::Result<()> {
            match *self {}
        }

        pub(in super::super) fn scan(&mut self, _should_close: impl FnMut(Connection) -> bool) {
            match *self {}
        }
    }
}
