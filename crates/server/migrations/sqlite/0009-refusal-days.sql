-- Daily counts of refused logins whose audit entries were deleted because there were too many.

CREATE TABLE refusal_days (
    -- Days since 1970, UTC.
    day             INTEGER NOT NULL,
    event           TEXT    NOT NULL,
    cause           TEXT    NOT NULL,
    -- The subject, as in `audit`.
    username        TEXT,
    username_key    TEXT,
    domain          TEXT,
    domain_key      TEXT,
    count           INTEGER NOT NULL CHECK (count > 0)
) STRICT;

CREATE UNIQUE INDEX refusal_days_by_subject
    ON refusal_days (day, event, cause, coalesce(username_key, ''), coalesce(domain_key, ''));
