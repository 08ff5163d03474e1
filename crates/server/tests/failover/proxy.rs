//! A proxy in front of PostgreSQL, which cuts connections or blocks them without closing them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How a connection is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    Open,
    /// Neither side receives anything, not even the information that the other has closed the connection.
    Blocked,
    Cut,
}

/// A listener on a free port of this machine. Its connections end when it is dropped.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

struct State {
    target: Mutex<PathBuf>,
    /// How new connections are forwarded.
    passage: Mutex<Passage>,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    next: u64,
    open: BTreeMap<u64, watch::Sender<Passage>>,
}

impl Proxy {
    /// Forwards to the server whose socket is in a directory.
    pub(crate) async fn start(target: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let state = Arc::new(State {
            target: Mutex::new(target.to_owned()),
            passage: Mutex::new(Passage::Open),
            connections: Mutex::default(),
        });
        let port = listener.local_addr().expect("an address").port();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state)));
        Self {
            port,
            state,
            _tasks: tasks,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Forwards new connections to another server.
    pub(crate) fn retarget(&self, target: &Path) {
        target.clone_into(&mut lock(&self.state.target));
    }

    /// Changes how new connections are forwarded, and all existing ones unless it is [`Passage::Open`].
    pub(crate) fn set(&self, passage: Passage) {
        *lock(&self.state.passage) = passage;
        if passage != Passage::Open {
            self.disturb(passage, || true);
        }
    }

    /// Changes how the chosen existing connections are forwarded.
    pub(crate) fn disturb(&self, passage: Passage, mut choose: impl FnMut() -> bool) {
        let connections = lock(&self.state.connections);
        for connection in connections.open.values().filter(|_| choose()) {
            connection.send_replace(passage);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic elsewhere")
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut forwarding = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while forwarding.try_join_next().is_some() {}
        let (sender, passage) = watch::channel(*lock(&state.passage));
        let number = {
            let mut connections = lock(&state.connections);
            connections.next += 1;
            let number = connections.next;
            connections.open.insert(number, sender);
            number
        };
        let state = Arc::clone(&state);
        forwarding.spawn(async move {
            let target = lock(&state.target).join(".s.PGSQL.5432");
            // It fails if a side closes the connection.
            let _ = forward(client, &target, passage).await;
            lock(&state.connections).open.remove(&number);
        });
    }
}

async fn forward(
    mut client: TcpStream,
    target: &Path,
    mut passage: watch::Receiver<Passage>,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let first = *passage.borrow();
    let mut server = match first {
        Passage::Open => Some(UnixStream::connect(target).await?),
        Passage::Blocked => None,
        Passage::Cut => return Ok(()),
    };
    let (mut request, mut answer) = ([0; 16_384], [0; 16_384]);
    loop {
        let current = *passage.borrow_and_update();
        match (current, &mut server) {
            (Passage::Open, Some(server)) => tokio::select! {
                biased;
                _ = passage.changed() => {}
                read = client.read(&mut request) => match read? {
                    0 => return Ok(()),
                    read => server.write_all(&request[..read]).await?,
                },
                read = server.read(&mut answer) => match read? {
                    0 => return Ok(()),
                    read => client.write_all(&answer[..read]).await?,
                },
            },
            (Passage::Open | Passage::Blocked, _) => tokio::select! {
                _ = passage.changed() => {}
                read = client.read(&mut request) => if read? == 0 {
                    // The server does not learn that the client is gone, until the connection is cut.
                    let _ = passage.wait_for(|passage| *passage == Passage::Cut).await;
                    return Ok(());
                },
            },
            (Passage::Cut, _) => return Ok(()),
        }
    }
}
