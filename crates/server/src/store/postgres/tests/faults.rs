//! Faults on the way to the server, which a proxy causes at a chosen statement.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};

use super::*;
use crate::store::error::StoreFailure;
use crate::store::health::Health as _;
use crate::store::session::SessionLookup as _;
use crate::store::url::PostgresHost;

/// The fault of the next `COMMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The commit arrives, but the connection is closed before the answer.
    LostAnswer,
    /// The connection is closed before the commit arrives.
    LostRequest,
    /// The commit arrives, and is answered after a notice that it was not replicated.
    NotReplicated,
    /// Nothing passes any more, and no connection is closed. The fault remains.
    Frozen,
    /// As `Frozen`, on each connection that polls.
    FrozenPoll,
    /// New connections are closed. The fault remains.
    Refused,
    /// New connections are not answered until the fault ends.
    Held,
}

/// A proxy between a store and its server.
struct Proxy {
    directory: tempfile::TempDir,
    fault: Arc<Mutex<Fault>>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(database: &TestDatabase) -> Self {
        let target = parse(&database.url).hosts()[0].clone();
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
        let fault = Arc::new(Mutex::new(Fault::None));
        let shared = Arc::clone(&fault);
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                let (target, fault) = (target.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    // Forwarding fails if either side closes the connection.
                    let _ = forward(client, &target, &fault).await;
                });
            }
        });
        Self {
            directory,
            fault,
            accepted,
        }
    }

    /// Opens a database through the proxy.
    async fn open(&self, database: &TestDatabase, timeout: Duration) -> Postgres {
        self.open_cached(database, timeout, None).await
    }

    async fn open_cached(
        &self,
        database: &TestDatabase,
        timeout: Duration,
        cache: Option<Arc<SessionCache>>,
    ) -> Postgres {
        self.open_observed(database, timeout, cache, Observer::default())
            .await
    }

    async fn open_observed(
        &self,
        database: &TestDatabase,
        timeout: Duration,
        cache: Option<Arc<SessionCache>>,
        observer: Observer,
    ) -> Postgres {
        let (_, path) = split_host(&database.url);
        let url = path.replace("HOST", &self.host());
        let options = PostgresOptions {
            operation_timeout: timeout,
            poll_timeout: timeout,
            probe_timeout: timeout,
            ..OPTIONS
        };
        let opened =
            Postgres::open_with(&parse(&url), IfMissing::Fail, options, observer, cache).await;
        opened.unwrap()
    }

    fn host(&self) -> String {
        let socket = self.directory.path().display().to_string();
        socket.replace('/', "%2F")
    }

    fn cause(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

/// Returns the hosts of a URL, and the URL with `HOST` in their place.
fn split_host(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let (user, host) = authority.rsplit_once('@').unwrap();
    (host.to_owned(), format!("{scheme}://{user}@HOST/{path}"))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn connect_to(target: &PostgresHost) -> std::io::Result<Box<dyn Stream>> {
    if target.is_socket() {
        let path = format!("{}/.s.PGSQL.{}", target.name, target.port);
        return Ok(Box::new(UnixStream::connect(path).await?));
    }
    let address = (target.name.as_str(), target.port);
    Ok(Box::new(TcpStream::connect(address).await?))
}

/// Returns the fault to apply to these bytes, and resets it.
fn take_fault(bytes: &[u8], fault: &Mutex<Fault>) -> Fault {
    let mut fault = fault.lock().unwrap();
    let contains = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    match *fault {
        Fault::Frozen => Fault::Frozen,
        Fault::FrozenPoll if contains(b"changes_deleted") => Fault::Frozen,
        Fault::FrozenPoll | Fault::Refused | Fault::Held => Fault::None,
        _ if contains(b"COMMIT\0") => std::mem::replace(&mut fault, Fault::None),
        _ => Fault::None,
    }
}

async fn forward(
    mut client: UnixStream,
    target: &PostgresHost,
    fault: &Mutex<Fault>,
) -> std::io::Result<()> {
    if *fault.lock().unwrap() == Fault::Refused {
        return Ok(());
    }
    while *fault.lock().unwrap() == Fault::Held {
        tokio::task::yield_now().await;
    }
    let mut server = connect_to(target).await?;
    let (mut request, mut answer) = ([0; 65_536], [0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let bytes = &request[..read?];
                match take_fault(bytes, fault) {
                    _ if bytes.is_empty() => return Ok(()),
                    Fault::None => server.write_all(bytes).await?,
                    Fault::LostRequest | Fault::Refused | Fault::Held => return Ok(()),
                    Fault::LostAnswer => {
                        server.write_all(bytes).await?;
                        let read = server.read(&mut answer).await?;
                        assert!(answer[..read].windows(7).any(|window| window == b"COMMIT\0"));
                        return Ok(());
                    }
                    Fault::NotReplicated => {
                        client.write_all(&notice()).await?;
                        server.write_all(bytes).await?;
                    }
                    Fault::Frozen | Fault::FrozenPoll => std::future::pending().await,
                }
            }
            read = server.read(&mut answer) => match read? {
                0 => return Ok(()),
                read => client.write_all(&answer[..read]).await?,
            },
        }
    }
}

/// Returns the warning of PostgreSQL after a cancelled wait for a standby, in another language.
fn notice() -> Vec<u8> {
    let fields = "SWARNUNG\0VWARNING\0C01000\0MWarten auf synchrone Replikation abgebrochen\0\
        DDie Transaktion wurde lokal committet, aber vielleicht nicht repliziert.\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap();
    [b"N".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}

const LONG: Duration = Duration::from_secs(60);

async fn count(database: &TestDatabase, sql: &str) -> i64 {
    let client = database.client().await;
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn login_whose_commit_loses_its_connection_opens_one_session() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let observer = Observer::default();
    let store = proxy
        .open_observed(&database, LONG, None, observer.clone())
        .await;
    let bob = add_dealer(&store, "bob").await;
    let faults = [Fault::LostAnswer, Fault::LostRequest, Fault::NotReplicated];
    for (number, fault) in (1..).zip(faults) {
        proxy.cause(fault);
        open_session(&store, bob, number).await;
        let found = store.find_session(&token(number)).await.unwrap();
        assert!(found.is_some(), "{fault:?}");
        let expected = i64::try_from(number).unwrap();
        for sql in [
            "SELECT count(*) FROM sessions",
            "SELECT count(*) FROM audit WHERE event = 'login'",
        ] {
            assert_eq!(count(&database, sql).await, expected, "{fault:?}");
        }
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let expected = expected as f64;
        let retries = "pbx_login_database_retries_total{cause=\"unknown_commit\"}";
        assert_eq!(metric(&observer, retries), expected, "{fault:?}");
        // The first one is that of the pool; each fault ends one.
        let opened = "pbx_login_database_connections_total{outcome=\"opened\"}";
        assert_eq!(metric(&observer, opened), 1.0 + expected, "{fault:?}");
    }
}

#[tokio::test]
async fn change_whose_commit_loses_its_connection_is_not_acknowledged() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let store = proxy.open(&database, LONG).await;
    let bob = add_dealer(&store, "bob").await;
    let faults = [
        (Fault::LostAnswer, true),
        (Fault::LostRequest, false),
        (Fault::NotReplicated, true),
    ];
    for (number, (fault, is_durable)) in (1..).zip(faults) {
        open_session(&store, bob, number).await;
        proxy.cause(fault);
        let failure = store.close_session(&token(number), &context()).await;
        assert!(failure.unwrap_err().is_outage(), "{fault:?}");
        // The change is durable, or it had no effect.
        let found = store.find_session(&token(number)).await.unwrap();
        assert_eq!(found.is_none(), is_durable, "{fault:?}");
    }
}

#[tokio::test]
async fn session_is_not_cached_after_a_change_with_an_unknown_outcome() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let cache = Arc::new(SessionCache::new(100, std::time::Instant::now()));
    let store = proxy
        .open_cached(&database, LONG, Some(Arc::clone(&cache)))
        .await;
    let bob = add_dealer(&store, "bob").await;
    open_session(&store, bob, 1).await;
    let now = std::time::Instant::now;
    cache.apply(&crate::store::cached::Invalidated::All, now());
    let read = async { store.find_session(&token(1)).await };
    assert!(cache.find(&token(1), now(), read).await.unwrap().is_some());
    proxy.cause(Fault::LostAnswer);
    store
        .close_session(&token(1), &context())
        .await
        .unwrap_err();
    let read = async { store.find_session(&token(1)).await };
    assert_eq!(cache.find(&token(1), now(), read).await.unwrap(), None);
}

#[tokio::test]
async fn frozen_server_is_an_outage_within_the_operation_timeout() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let store = proxy.open(&database, Duration::from_secs(2)).await;
    let bob = add_dealer(&store, "bob").await;
    store.poll_changes(None).await.unwrap();
    proxy.cause(Fault::Frozen);
    let hash = token(1);
    let (found, opened, ready, polled) = tokio::join!(
        store.find_session(&hash),
        store.open_session(new_session(bob, 1)),
        store.check_ready(),
        store.poll_changes(None)
    );
    let outage = |failure: StoreFailure| assert!(failure.is_outage(), "{failure:?}");
    outage(found.unwrap_err());
    outage(opened.unwrap_err());
    outage(ready.unwrap_err());
    outage(polled.unwrap_err());
    // Connections that were frozen are not used again.
    proxy.cause(Fault::None);
    open_session(&store, bob, 2).await;
    store.poll_changes(None).await.unwrap();
    store.check_ready().await.unwrap();
}

#[tokio::test]
async fn poll_whose_statement_is_never_prepared_fails_in_time() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let store = proxy.open(&database, Duration::from_secs(2)).await;
    proxy.cause(Fault::FrozenPoll);
    let polling = tokio::time::timeout(LONG, store.poll_changes(None)).await;
    assert!(polling.expect("an answer").unwrap_err().is_outage());
    proxy.cause(Fault::None);
    store.poll_changes(None).await.unwrap();
}

#[tokio::test]
async fn operations_on_lost_connections_are_repeated_after_a_poll_reconnects() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let url = split_host(&database.url).1.replace("HOST", &proxy.host());
    let options = PostgresOptions {
        // Without the repetition, the operations would fail.
        operation_timeout: LONG,
        poll_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(2),
        ..OPTIONS
    };
    let observer = Observer::default();
    let store = Postgres::open_with(&parse(&url), IfMissing::Fail, options, observer, None).await;
    let store = store.unwrap();
    let bob = add_dealer(&store, "bob").await;
    open_session(&store, bob, 1).await;
    store.poll_changes(None).await.unwrap();
    proxy.cause(Fault::Frozen);
    let hash = token(1);
    let poll_twice = async {
        store.poll_changes(None).await.unwrap_err();
        proxy.cause(Fault::None);
        store.poll_changes(None).await.unwrap();
    };
    let (found, opened, ()) = tokio::join!(
        store.find_session(&hash),
        store.open_session(new_session(bob, 2)),
        poll_twice
    );
    assert!(found.unwrap().is_some());
    assert!(matches!(opened.unwrap(), OpenOutcome::Opened { .. }));
}

#[tokio::test]
async fn second_host_is_used_without_waiting_for_a_frozen_first_host() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    proxy.cause(Fault::Frozen);
    let (real, url) = split_host(&database.url);
    let url = url.replace("HOST", &format!("{},{real}", proxy.host()));
    let options = PostgresOptions {
        connect_timeout: 10 * LONG,
        ..OPTIONS
    };
    let connector = Connector::new(&parse(&url), &options, &Environment::default()).unwrap();
    let opened = tokio::time::timeout(LONG, connector.open()).await;
    let client = opened.expect("a connection in time").unwrap();
    client.query("SELECT FROM sessions", &[]).await.unwrap();
}

#[tokio::test]
async fn connection_that_opens_during_a_loss_is_replaced() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let url = split_host(&database.url).1.replace("HOST", &proxy.host());
    let connector = Connector::new(&parse(&url), &OPTIONS, &Environment::default()).unwrap();
    proxy.cause(Fault::Held);
    let losing = async {
        while proxy.accepted.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        connector.last_loss().report();
        proxy.cause(Fault::None);
    };
    let opening = async { tokio::join!(connector.open(), losing) };
    let (opened, ()) = tokio::time::timeout(LONG, opening).await.unwrap();
    assert!(connector.last_loss().is_current(&opened.unwrap()));
    assert_eq!(proxy.accepted.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn copy_whose_commit_is_cut_is_complete_or_empty() {
    use crate::store::CopyError;

    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let directory = tempfile::tempdir().unwrap();
    let source = DatabaseUrl::Sqlite(directory.path().join("source.db"));
    let created = crate::store::open(&source, crate::store::OpenOptions::new(IfMissing::Create));
    let store = created.await.unwrap().store;
    let domain = "a.example".parse().unwrap();
    let id = PublicId::generate(now(), &OsRandom).unwrap();
    store.create_tenant(id, &domain, &context()).await.unwrap();
    drop(store);
    let url = split_host(&database.url).1.replace("HOST", &proxy.host());
    let target = url.parse().unwrap();
    for (fault, tenants) in [(Fault::LostRequest, 0), (Fault::LostAnswer, 1)] {
        proxy.cause(fault);
        let copied = crate::store::copy(&source, &target, &OPTIONS, &mut |_| {}).await;
        let error = copied.unwrap_err();
        assert!(matches!(error, CopyError::UnknownCommit(..)), "{error:?}");
        let found = count(&database, "SELECT count(*) FROM tenants").await;
        assert_eq!(found, tenants, "{fault:?}");
    }
    // As the message says.
    let again = crate::store::copy(&source, &target, &OPTIONS, &mut |_| {}).await;
    assert!(matches!(again.unwrap_err(), CopyError::NotEmpty { .. }));
}

#[tokio::test]
async fn long_operation_is_not_retried_for_as_long_as_it_may_take() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let (_, path) = split_host(&database.url);
    let url = parse(&path.replace("HOST", &proxy.host()));
    let options = PostgresOptions {
        retry_timeout: Duration::from_millis(300),
        ..OPTIONS
    };
    let opened = Postgres::open_with(&url, IfMissing::Fail, options, Observer::default(), None);
    let store = opened.await.unwrap();
    proxy.cause(Fault::Refused);
    let token = token(1);
    let failed = tokio::time::timeout(OPTIONS.operation_timeout / 2, store.find_session(&token));
    assert!(failed.await.unwrap().is_err());
}

#[tokio::test]
async fn refused_connection_and_each_retry_are_counted() {
    let Some(database) = migrated().await else {
        return;
    };
    let proxy = Proxy::start(&database);
    let observer = Observer::default();
    let store = proxy
        .open_observed(&database, Duration::from_secs(2), None, observer.clone())
        .await;
    proxy.cause(Fault::Refused);
    store.find_session(&token(1)).await.unwrap_err();
    let failed = metric(
        &observer,
        "pbx_login_database_connections_total{outcome=\"failed\"}",
    );
    let retries = metric(
        &observer,
        "pbx_login_database_retries_total{cause=\"connection\"}",
    );
    // Each attempt failed to connect, and all but the first are retries.
    assert!(failed >= 2.0, "{failed}");
    assert_eq!(retries, failed - 1.0);
    proxy.cause(Fault::None);
    assert_eq!(store.find_session(&token(1)).await.unwrap(), None);
}
