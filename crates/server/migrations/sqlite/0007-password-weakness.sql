-- The rule that the user's password breaks, as the last login found; NULL if it breaks none, or there was no login yet.

ALTER TABLE users ADD COLUMN password_weakness TEXT
    CHECK (password_weakness IN ('too-short', 'common', 'contains-username', 'contains-domain'));
