//! Publishing of audit entries when a step or the connection fails.

use super::*;
use crate::domain::audit::AuditEntry;
use crate::store::observer::AuditSink;

#[derive(Debug, Default)]
struct Domains(std::sync::Mutex<Vec<String>>);

impl AuditSink for Domains {
    fn publish(&self, entry: AuditEntry) {
        let domain = entry.domain.unwrap();
        self.0.lock().unwrap().push(domain);
    }
}

fn open_with_sink(path: &Path) -> (Sqlite, Arc<Domains>) {
    let domains = Arc::<Domains>::default();
    let observer = Observer {
        audit: Some(Arc::clone(&domains) as Arc<dyn AuditSink>),
        ..Observer::default()
    };
    let store = Sqlite::open_with(path, IfMissing::Create, observer, None);
    (store.unwrap(), domains)
}

async fn create(store: &Sqlite, typed: &str) {
    store
        .create_tenant(id(), &domain(typed), &context())
        .await
        .unwrap();
}

#[tokio::test]
async fn entries_of_a_panicking_step_are_not_published_with_the_next_one() {
    let scratch = scratch();
    let (store, domains) = open_with_sink(&scratch.path);
    let panicked = store.write(|step| -> Result<(), StoreError> {
        tenant::create(step, id(), &domain("lost.example"), &context())?;
        panic!("a step panics");
    });
    panicked.await.unwrap_err();
    create(&store, "kept.example").await;
    assert_eq!(*domains.0.lock().unwrap(), ["kept.example"]);
}

#[tokio::test]
async fn entries_are_published_after_the_file_was_replaced() {
    let scratch = scratch();
    let other = scratch.path.with_extension("other");
    drop(open(&other));
    let (store, domains) = open_with_sink(&scratch.path);
    create(&store, "a.example").await;
    std::fs::rename(&other, &scratch.path).unwrap();
    faults::recover(&store).await;
    create(&store, "b.example").await;
    assert_eq!(*domains.0.lock().unwrap(), ["a.example", "b.example"]);
}
