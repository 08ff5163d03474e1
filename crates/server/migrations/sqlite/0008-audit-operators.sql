-- The operating-system user who ran a command; NULL for entries of earlier versions and of other sources.

ALTER TABLE audit ADD COLUMN operator TEXT CHECK (operator IS NULL OR source = 'command');
