//! Tests of faults of the file under an open database, and of the recovery.

use std::fs;
use std::io;

use rusqlite::OpenFlags;

use super::*;

async fn write(store: &Sqlite, name: &str) -> Result<(), String> {
    let written = store.create_tenant(id(), &domain(name), &context()).await;
    written.map_err(|error| match error {
        StoreError::Failure(failure) if failure.is_outage() => cause(&failure),
        StoreError::Conflict(_) | StoreError::Failure(_) => panic!("{error:?}"),
    })
}

async fn read(store: &Sqlite) -> Result<Vec<String>, String> {
    match store.list_tenants().await {
        Ok(tenants) => Ok(tenants
            .into_iter()
            .map(|tenant| tenant.domain.to_string())
            .collect()),
        Err(failure) if failure.is_outage() => Err(cause(&failure)),
        Err(failure) => panic!("{failure:?}"),
    }
}

/// Recovers as the watch does, without waiting for it.
pub(super) async fn recover(store: &Sqlite) {
    let (done, recovered) = tokio::sync::oneshot::channel();
    let core = Arc::clone(&store.core);
    let step: writer::Step = Box::new(move |connection| {
        core.recover(connection);
        done.send(()).unwrap();
    });
    assert!(store.writer.sender().send(step).await.is_ok());
    recovered.await.unwrap();
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    format!("{}{suffix}", path.display()).into()
}

fn file_names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn message<T: std::fmt::Debug>(result: Result<T, String>, path: &Path) -> String {
    result
        .unwrap_err()
        .replace(&path.display().to_string(), "FILE")
}

#[tokio::test]
async fn missing_file_fails_immediately_and_recovers_once_it_is_back() {
    let scratch = scratch();
    let store = open(&scratch.path);
    write(&store, "a.example").await.unwrap();
    let away = scratch.path.with_extension("away");
    fs::rename(&scratch.path, &away).unwrap();

    let missing = "FILE is missing; move it back or restore a backup";
    assert_eq!(
        message(write(&store, "lost.example").await, &scratch.path),
        missing
    );
    assert_eq!(message(read(&store).await, &scratch.path), missing);
    recover(&store).await;
    assert_eq!(message(read(&store).await, &scratch.path), missing);
    assert!(!scratch.path.exists(), "no file is created at its path");
    // Acknowledged changes are in the moved file, not in a log at its old path.
    let moved = Connection::open(&away).unwrap();
    assert_eq!(query_number(&moved, "SELECT count(*) FROM tenants"), 1);
    drop(moved);

    fs::rename(&away, &scratch.path).unwrap();
    recover(&store).await;
    assert_eq!(read(&store).await, Ok(vec!["a.example".to_owned()]));
    write(&store, "b.example").await.unwrap();
    drop(store);
    assert_eq!(
        read_number(&open(&scratch.path), "SELECT count(*) FROM tenants"),
        2
    );
}

#[tokio::test]
async fn replaced_file_is_opened_without_the_old_log() {
    let scratch = scratch();
    let backup = scratch.path.with_extension("backup");
    {
        let store = open(&scratch.path);
        write(&store, "kept.example").await.unwrap();
    }
    fs::copy(&scratch.path, &backup).unwrap();
    let store = open(&scratch.path);
    write(&store, "later.example").await.unwrap();
    fs::rename(&backup, &scratch.path).unwrap();

    assert_eq!(
        message(write(&store, "lost.example").await, &scratch.path),
        "FILE was replaced while it was open"
    );
    recover(&store).await;
    assert_eq!(read(&store).await, Ok(vec!["kept.example".to_owned()]));
    write(&store, "new.example").await.unwrap();
    assert_eq!(
        read_number(&store, "SELECT count(*) FROM pragma_integrity_check"),
        1
    );
    assert_eq!(file_names(&scratch.path), ["x.db", "x.db-shm", "x.db-wal"]);
}

#[tokio::test]
async fn log_of_a_replaced_file_is_renamed_and_not_applied() {
    let scratch = scratch();
    let store = open(&scratch.path);
    write(&store, "old.example").await.unwrap();
    let other = scratch.path.with_extension("other");
    drop(open(&other));
    // An open read transaction prevents the checkpoint.
    let reading = Connection::open(&scratch.path).unwrap();
    reading.execute_batch("BEGIN").unwrap();
    assert_eq!(query_number(&reading, "SELECT count(*) FROM tenants"), 1);
    write(&store, "later.example").await.unwrap();
    fs::rename(&other, &scratch.path).unwrap();

    recover(&store).await;
    assert_eq!(read(&store).await, Ok(vec![]));
    write(&store, "new.example").await.unwrap();
    let orphans = file_names(&scratch.path)
        .into_iter()
        .filter(|name| name.starts_with("x.db-wal.orphan-"));
    assert_eq!(orphans.count(), 1);
    drop(reading);
    drop(store);
    let store = open(&scratch.path);
    assert_eq!(read(&store).await, Ok(vec!["new.example".to_owned()]));
    assert_eq!(
        check(&scratch.path).unwrap().problems,
        ["there is no enabled system administrator; create or enable one"]
    );
}

#[tokio::test]
async fn step_during_which_the_file_disappears_is_not_acknowledged() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let (from, to) = (scratch.path.clone(), scratch.path.with_extension("away"));
    let written: Result<(), StoreFailure> = store
        .write(move |step| {
            step.execute_batch("PRAGMA user_version = 2")?;
            fs::rename(from, to).unwrap();
            Ok(())
        })
        .await;
    assert_eq!(
        message(written.map_err(|error| cause(&error)), &scratch.path),
        "FILE is missing; move it back or restore a backup"
    );
}

#[tokio::test]
async fn foreign_file_is_reported_and_not_changed() {
    let scratch = scratch();
    let store = open(&scratch.path);
    write(&store, "a.example").await.unwrap();
    let away = scratch.path.with_extension("away");
    fs::rename(&scratch.path, &away).unwrap();

    for (content, expected) in [
        ("", "FILE is empty; restore a backup"),
        (
            "not a database, but longer than the header of an SQLite database, which takes one hundred bytes at the start",
            "FILE is not an SQLite database; choose another file with --database",
        ),
    ] {
        fs::write(&scratch.path, content).unwrap();
        recover(&store).await;
        assert_eq!(message(read(&store).await, &scratch.path), expected);
        assert_eq!(
            message(write(&store, "lost.example").await, &scratch.path),
            expected
        );
        assert_eq!(fs::read_to_string(&scratch.path).unwrap(), content);
    }

    fs::rename(&away, &scratch.path).unwrap();
    recover(&store).await;
    assert_eq!(read(&store).await, Ok(vec!["a.example".to_owned()]));
}

#[tokio::test]
async fn removed_log_or_index_loses_no_change() {
    for suffix in ["-wal", "-shm"] {
        let scratch = scratch();
        let store = open(&scratch.path);
        write(&store, "a.example").await.unwrap();
        fs::remove_file(sibling(&scratch.path, suffix)).unwrap();
        assert_eq!(
            message(write(&store, "lost.example").await, &scratch.path),
            "the -wal or -shm file of FILE was removed while it was open"
        );
        recover(&store).await;
        write(&store, "b.example").await.unwrap();
        let names = ["a.example", "b.example"].map(str::to_owned).to_vec();
        assert_eq!(read(&store).await, Ok(names));
    }
}

#[tokio::test]
async fn watch_detects_and_logs_fault_and_recovery() {
    #[derive(Clone, Default)]
    struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);
    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let json = slog_json::Json::new(lines.clone())
        .add_key_value(slog::o!("msg" => slog::PushFnValue(|record, ser| ser.emit(record.msg()))))
        .build();
    let observer = Observer {
        log: slog::Logger::root(slog::Fuse(std::sync::Mutex::new(json)), slog::o!()),
        ..Observer::default()
    };
    let scratch = scratch();
    let metrics = Arc::clone(&observer.metrics);
    let store = Sqlite::open_with(&scratch.path, IfMissing::Create, observer, None).unwrap();
    let away = scratch.path.with_extension("away");
    fs::rename(&scratch.path, &away).unwrap();
    // The metric is the last to change.
    let has_metric = |line: &str| metrics.encode().contains(line);
    while store.core.check_usable().is_ok() || !has_metric("\npbx_login_database_up 0\n") {
        tokio::task::yield_now().await;
    }
    fs::rename(&away, &scratch.path).unwrap();
    while store.core.check_usable().is_err() || !has_metric("\npbx_login_database_up 1\n") {
        tokio::task::yield_now().await;
    }
    drop(store);
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        lines.replace(&scratch.path.display().to_string(), "FILE"),
        "{\"msg\":\"the database cannot be used\",\"cause\":\"FILE is missing; move it back or restore a backup\"}\n\
         {\"msg\":\"the database can be used again\"}\n"
    );
}

#[tokio::test]
async fn read_only_connection_is_reopened_once_the_file_is_writable() {
    let scratch = scratch();
    let store = open(&scratch.path);
    // This is how SQLite opens a write-protected file. Permissions would not restrict root, who may run the tests.
    let path = scratch.path.clone();
    let (done, swapped) = tokio::sync::oneshot::channel();
    let step: writer::Step = Box::new(move |connection| {
        let read_only = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        *connection = Some(read_only.unwrap());
        done.send(()).unwrap();
    });
    assert!(store.writer.sender().send(step).await.is_ok());
    swapped.await.unwrap();

    assert_eq!(
        write(&store, "lost.example").await,
        Err("attempt to write a readonly database".to_owned())
    );
    assert_eq!(read(&store).await, Ok(vec![]), "reads still succeed");
    recover(&store).await;
    write(&store, "a.example").await.unwrap();
}

#[tokio::test]
async fn full_disk_fails_a_step_which_is_rolled_back() {
    let scratch = scratch();
    let store = open(&scratch.path);
    write(&store, "a.example").await.unwrap();
    let limit = |pages: &'static str| {
        store.write(move |step| {
            step.execute_batch(pages)?;
            Ok::<_, StoreFailure>(())
        })
    };
    limit("PRAGMA max_page_count = 1").await.unwrap();
    let mut written = 1;
    let full = loop {
        match write(&store, &format!("{}.example", "x".repeat(written))).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 60, "the database was never full");
    };
    assert_eq!(full, "database or disk is full");
    assert_eq!(read(&store).await.unwrap().len(), written);
    limit("PRAGMA max_page_count = 1000").await.unwrap();
    write(&store, "more.example").await.unwrap();
}

#[tokio::test]
async fn steps_that_wait_for_a_lock_time_out_together() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let other = Connection::open(&scratch.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = Instant::now();
    let names = ["a.example", "b.example", "c.example"];
    let [a, b, c] = names.map(|name| write(&store, name));
    let results = tokio::join!(a, b, c);
    let locked = || Err("database is locked".to_owned());
    assert_eq!(results, (locked(), locked(), locked()));
    // The steps do not time out one after another, and reads succeed meanwhile.
    assert!(since.elapsed() < open::BUSY_TIMEOUT * 2);
    assert_eq!(read(&store).await, Ok(vec![]));
    other.execute_batch("ROLLBACK").unwrap();
    write(&store, "a.example").await.unwrap();
}
