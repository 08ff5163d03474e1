use super::*;
use crate::domain::tenant::Tenant;

#[tokio::test]
async fn backup_during_writes_is_a_consistent_snapshot() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let copies = scratch.path.parent().unwrap().to_owned();
    let path = scratch.path.clone();
    let copying = tokio::task::spawn_blocking(move || {
        (0..5)
            .map(|number| {
                let copy = copies.join(format!("copy-{number}.db"));
                backup(&path, &copy, false).unwrap();
                copy
            })
            .collect::<Vec<_>>()
    });
    let mut written = 0;
    while !copying.is_finished() {
        let name = domain(&format!("t{written}.example"));
        store.create_tenant(id(), &name, &context()).await.unwrap();
        written += 1;
    }
    let mut before = 0;
    for copy in copying.await.unwrap() {
        assert_eq!(journal_mode(&copy), "delete", "a single file");
        let report = check(&copy).unwrap();
        assert_eq!(report.warnings, []);
        assert_eq!(
            report.problems,
            ["there is no enabled system administrator; create or enable one"]
        );
        let tenants = open(&copy).list_tenants().await.unwrap();
        // The copy contains everything that was written before one moment, and nothing after it.
        let mut numbers: Vec<usize> = tenants.iter().map(number_of).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>());
        assert!(before <= numbers.len() && numbers.len() <= written);
        before = numbers.len();
    }
}

fn journal_mode(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0));
    mode.unwrap()
}

fn number_of(tenant: &Tenant) -> usize {
    let name = tenant.domain.to_string();
    let number = name.strip_prefix('t').unwrap();
    number.strip_suffix(".example").unwrap().parse().unwrap()
}
