use super::*;

fn metrics_with_events() -> Metrics {
    let metrics = Metrics::new();
    metrics.record_request(Some("login"), 200, Duration::from_millis(30));
    metrics.record_request(Some("login"), 401, Duration::from_millis(30));
    metrics.record_request(Some("getLoginStatus"), 200, Duration::from_micros(20));
    metrics.record_request(Some("getLoginStatus"), 200, Duration::from_micros(60));
    metrics.record_request(None, 404, Duration::from_micros(5));
    metrics.record_login(LoginOutcome::Opened);
    metrics.record_login(LoginOutcome::Refused);
    metrics.record_login(LoginOutcome::Refused);
    metrics.record_rate_limited(LimitKind::Account);
    metrics.set_hash_queue(3);
    metrics.record_hash_wait(Duration::from_millis(2));
    metrics.record_hash_time(Duration::from_millis(9));
    metrics.record_database_access(Access::Read, Duration::from_micros(4), false);
    metrics.record_database_access(Access::Write, Duration::from_secs(5), true);
    metrics.set_database_up(false);
    metrics.set_clock_difference(chrono::TimeDelta::milliseconds(-2500));
    metrics.set_asynchronous_standbys(2.0);
    metrics.set_live_sessions(Some(1_000_000));
    metrics.record_panic();
    for (reason, count) in [
        (CloseReason::Http2, 1),
        (CloseReason::Silent, 2),
        (CloseReason::Network, 3),
    ] {
        for _ in 0..count {
            metrics.record_closed_connection(reason);
        }
    }
    metrics.record_tls_failure();
    metrics.record_lost_audit_line();
    record_postgres_events(&metrics.postgres);
    metrics.cache.set(Duration::from_millis(1500), 2);
    metrics
}

fn record_postgres_events(metrics: &PostgresMetrics) {
    metrics.set_pool(PoolState {
        max_connections: 16,
        connections: 8,
        in_use: 7,
        waiting: 6,
    });
    metrics.record_pool_wait(Duration::from_millis(5));
    metrics.record_propagation(Duration::from_millis(120));
    for (cause, count) in [
        (RetryCause::Conflict, 1),
        (RetryCause::Connection, 2),
        (RetryCause::UnknownCommit, 3),
    ] {
        for _ in 0..count {
            metrics.record_retry(cause);
        }
    }
    metrics.record_connection(ConnectionOutcome::Opened);
    metrics.record_connection(ConnectionOutcome::Failed);
    metrics.record_connection(ConnectionOutcome::Failed);
}

#[test]
fn events_are_counted_under_their_metrics() {
    let text = metrics_with_events()
        .encode()
        .replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let lines = text
        .lines()
        .filter(|line| !line.contains("_bucket{") && !line.contains("process_"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    # HELP pbx_login_asynchronous_standbys Standbys of the database if commits wait for none; NaN if unknown.
    # TYPE pbx_login_asynchronous_standbys gauge
    pbx_login_asynchronous_standbys 2
    # HELP pbx_login_audit_lines_lost_total Lines that could not be written to audit.log.
    # TYPE pbx_login_audit_lines_lost_total counter
    pbx_login_audit_lines_lost_total 1
    # HELP pbx_login_build_info The version of the server; always 1.
    # TYPE pbx_login_build_info gauge
    pbx_login_build_info{version="VERSION"} 1
    # HELP pbx_login_clock_difference_seconds Time of this machine minus time of the database; 0 with SQLite.
    # TYPE pbx_login_clock_difference_seconds gauge
    pbx_login_clock_difference_seconds -2.5
    # HELP pbx_login_connections_closed_total Connections that the server closed, by reason.
    # TYPE pbx_login_connections_closed_total counter
    pbx_login_connections_closed_total{reason="http2"} 1
    pbx_login_connections_closed_total{reason="network"} 3
    pbx_login_connections_closed_total{reason="silent"} 2
    # HELP pbx_login_database_connections_total Connections to PostgreSQL by outcome.
    # TYPE pbx_login_database_connections_total counter
    pbx_login_database_connections_total{outcome="failed"} 2
    pbx_login_database_connections_total{outcome="opened"} 1
    # HELP pbx_login_database_duration_seconds Duration of database operations, including the wait for the writer.
    # TYPE pbx_login_database_duration_seconds histogram
    pbx_login_database_duration_seconds_sum{access="read"} 0.000004
    pbx_login_database_duration_seconds_count{access="read"} 1
    pbx_login_database_duration_seconds_sum{access="write"} 5
    pbx_login_database_duration_seconds_count{access="write"} 1
    # HELP pbx_login_database_failures_total Database operations that failed.
    # TYPE pbx_login_database_failures_total counter
    pbx_login_database_failures_total{access="read"} 0
    pbx_login_database_failures_total{access="write"} 1
    # HELP pbx_login_database_retries_total Operations of PostgreSQL that were tried again, by cause.
    # TYPE pbx_login_database_retries_total counter
    pbx_login_database_retries_total{cause="conflict"} 1
    pbx_login_database_retries_total{cause="connection"} 2
    pbx_login_database_retries_total{cause="unknown_commit"} 3
    # HELP pbx_login_database_up Whether the database can be used: 1 or 0.
    # TYPE pbx_login_database_up gauge
    pbx_login_database_up 0
    # HELP pbx_login_hash_duration_seconds Duration of hashing a password.
    # TYPE pbx_login_hash_duration_seconds histogram
    pbx_login_hash_duration_seconds_sum 0.009
    pbx_login_hash_duration_seconds_count 1
    # HELP pbx_login_hash_queue Passwords that are waiting to be hashed.
    # TYPE pbx_login_hash_queue gauge
    pbx_login_hash_queue 3
    # HELP pbx_login_hash_wait_seconds Time for which a password waited to be hashed.
    # TYPE pbx_login_hash_wait_seconds histogram
    pbx_login_hash_wait_seconds_sum 0.002
    pbx_login_hash_wait_seconds_count 1
    # HELP pbx_login_logins_total Logins by outcome.
    # TYPE pbx_login_logins_total counter
    pbx_login_logins_total{outcome="failed"} 0
    pbx_login_logins_total{outcome="opened"} 1
    pbx_login_logins_total{outcome="overloaded"} 0
    pbx_login_logins_total{outcome="refused"} 2
    pbx_login_logins_total{outcome="throttled"} 0
    pbx_login_logins_total{outcome="unavailable"} 0
    # HELP pbx_login_panics_total Panics that were caught.
    # TYPE pbx_login_panics_total counter
    pbx_login_panics_total 1
    # HELP pbx_login_pool_connections Open connections in the pool of PostgreSQL.
    # TYPE pbx_login_pool_connections gauge
    pbx_login_pool_connections 8
    # HELP pbx_login_pool_connections_in_use Connections of the pool that an operation is using.
    # TYPE pbx_login_pool_connections_in_use gauge
    pbx_login_pool_connections_in_use 7
    # HELP pbx_login_pool_max_connections The maximum number of connections in the pool of PostgreSQL.
    # TYPE pbx_login_pool_max_connections gauge
    pbx_login_pool_max_connections 16
    # HELP pbx_login_pool_wait_seconds Time for which an operation waited for a connection of the pool.
    # TYPE pbx_login_pool_wait_seconds histogram
    pbx_login_pool_wait_seconds_sum 0.005
    pbx_login_pool_wait_seconds_count 1
    # HELP pbx_login_pool_waiting Operations that are waiting for a connection of the pool.
    # TYPE pbx_login_pool_waiting gauge
    pbx_login_pool_waiting 6
    # HELP pbx_login_propagation_delay_seconds Time from writing a change of a session until this process applied it.
    # TYPE pbx_login_propagation_delay_seconds histogram
    pbx_login_propagation_delay_seconds_sum 0.12
    pbx_login_propagation_delay_seconds_count 1
    # HELP pbx_login_request_duration_seconds Duration of requests from head to response, by operation and status.
    # TYPE pbx_login_request_duration_seconds histogram
    pbx_login_request_duration_seconds_sum{operation="getLoginStatus",status="200"} 0.00008
    pbx_login_request_duration_seconds_count{operation="getLoginStatus",status="200"} 2
    pbx_login_request_duration_seconds_sum{operation="login",status="200"} 0.03
    pbx_login_request_duration_seconds_count{operation="login",status="200"} 1
    pbx_login_request_duration_seconds_sum{operation="login",status="401"} 0.03
    pbx_login_request_duration_seconds_count{operation="login",status="401"} 1
    pbx_login_request_duration_seconds_sum{operation="unlisted",status="404"} 0.000005
    pbx_login_request_duration_seconds_count{operation="unlisted",status="404"} 1
    # HELP pbx_login_session_cache_invalidations_total Number of times that the whole session cache was invalidated.
    # TYPE pbx_login_session_cache_invalidations_total counter
    pbx_login_session_cache_invalidations_total 2
    # HELP pbx_login_session_cache_staleness_seconds Time since the last successful poll for changes of other processes began.
    # TYPE pbx_login_session_cache_staleness_seconds gauge
    pbx_login_session_cache_staleness_seconds 1.5
    # HELP pbx_login_sessions_live Live sessions at the last count; NaN if it failed.
    # TYPE pbx_login_sessions_live gauge
    pbx_login_sessions_live 1000000
    # HELP pbx_login_throttled_total Rate-limited logins by the limit that was reached.
    # TYPE pbx_login_throttled_total counter
    pbx_login_throttled_total{limit="account"} 1
    pbx_login_throttled_total{limit="account_day"} 0
    pbx_login_throttled_total{limit="account_from_address"} 0
    pbx_login_throttled_total{limit="address"} 0
    pbx_login_throttled_total{limit="concurrency"} 0
    pbx_login_throttled_total{limit="network_48"} 0
    pbx_login_throttled_total{limit="network_56"} 0
    # HELP pbx_login_tls_handshake_failures_total Failed TLS handshakes.
    # TYPE pbx_login_tls_handshake_failures_total counter
    pbx_login_tls_handshake_failures_total 1
    "#);
}

#[test]
fn latency_is_counted_in_the_smallest_sufficient_bucket() {
    let metrics = metrics_with_events();
    metrics.record_request(Some("getLoginStatus"), 200, Duration::from_micros(50));
    let text = metrics.encode();
    let buckets = text
        .lines()
        .filter(|line| line.contains("_bucket{operation=\"getLoginStatus\""));
    insta::assert_snapshot!(buckets.collect::<Vec<_>>().join("\n"), @r#"
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.00001"} 0
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.000025"} 1
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.00005"} 2
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.0001"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.00025"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.0005"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.001"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.0025"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.005"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.01"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.025"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.05"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.1"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.25"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="0.5"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="1"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="2.5"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="5"} 3
    pbx_login_request_duration_seconds_bucket{operation="getLoginStatus",status="200",le="+Inf"} 3
    "#);
}

#[test]
fn sampler_sets_gauges_whenever_metrics_are_encoded() {
    let metrics = Metrics::new();
    let polls = std::sync::atomic::AtomicU64::new(0);
    metrics.add_sampler(move |metrics| {
        let number = polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        metrics.cache.set(Duration::from_secs(number), number);
    });
    for number in 1..=3 {
        let text = metrics.encode();
        for name in ["staleness_seconds", "invalidations_total"] {
            let line = format!("\npbx_login_session_cache_{name} {number}\n");
            assert!(text.contains(&line), "{text}");
        }
    }
}

#[test]
fn unknown_session_count_is_nan() {
    let metrics = metrics_with_events();
    metrics.set_live_sessions(None);
    assert!(metrics.encode().contains("\npbx_login_sessions_live NaN\n"));
}

#[test]
fn unknown_status_is_counted() {
    let metrics = Metrics::new();
    metrics.record_request(None, 0, Duration::ZERO);
    metrics.record_request(Some("noSuchOperation"), 1000, Duration::ZERO);
    let count = "pbx_login_request_duration_seconds_count{operation=\"unlisted\",status=\"599\"} 2";
    assert!(metrics.encode().contains(count));
}

/// Prints the time to record a request, on two threads because they share the counters.
#[test]
#[ignore = "measures; run it with --release and --nocapture"]
fn recording_a_request_is_measured() {
    const TIMES: u32 = 5_000_000;
    let metrics = Metrics::new();
    let since = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for number in 0..TIMES {
                    let latency = Duration::from_micros(u64::from(number % 100));
                    metrics.record_request(Some("getLoginStatus"), 200, latency);
                }
            });
        }
    });
    println!("{:?} per request", since.elapsed() / TIMES);
}
