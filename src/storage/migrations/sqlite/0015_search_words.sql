-- Full text search reads what the user has of a word, not what everybody has: each word of the index stands behind the end of
-- its user's id, as on PostgreSQL. FTS5 cannot be told so; the program takes a task's text apart (`src/task/search`) and writes
-- the words in the transaction of the change. Words are NULL that are not written yet: of all tasks that are here now, and of
-- what the version before still writes. The program writes them when it starts.
DROP TRIGGER tasks_search_insert;
DROP TRIGGER tasks_search_update;
DROP TRIGGER tasks_search_delete;
ALTER TABLE task_documents ADD COLUMN title text;
ALTER TABLE task_documents ADD COLUMN tags text;
ALTER TABLE task_documents ADD COLUMN description text;
CREATE INDEX task_documents_unwritten ON task_documents (number) WHERE title IS NULL;

-- The words are letters and digits in lower case already, with a space between two: nothing but ASCII may part them.
CREATE VIRTUAL TABLE task_terms USING fts5 (title, tags, description,
    content = 'task_documents', content_rowid = 'number', tokenize = 'ascii');
CREATE TRIGGER task_documents_update AFTER UPDATE OF title, tags, description ON task_documents BEGIN
    INSERT INTO task_terms (task_terms, rowid, title, tags, description)
        SELECT 'delete', old.number, old.title, old.tags, old.description WHERE old.title IS NOT NULL;
    INSERT INTO task_terms (rowid, title, tags, description)
        SELECT new.number, new.title, new.tags, new.description WHERE new.title IS NOT NULL;
END;
CREATE TRIGGER task_documents_delete AFTER DELETE ON task_documents WHEN old.title IS NOT NULL BEGIN
    INSERT INTO task_terms (task_terms, rowid, title, tags, description)
        VALUES ('delete', old.number, old.title, old.tags, old.description);
END;

CREATE TRIGGER tasks_search_insert AFTER INSERT ON tasks BEGIN
    INSERT INTO task_documents (task_id) VALUES (new.id);
END;
CREATE TRIGGER tasks_search_update AFTER UPDATE OF title, description, tags ON tasks
WHEN old.title <> new.title OR old.description <> new.description OR old.tags IS NOT new.tags BEGIN
    UPDATE task_documents SET title = NULL, tags = NULL, description = NULL WHERE task_id = new.id;
END;
CREATE TRIGGER tasks_search_delete AFTER DELETE ON tasks BEGIN
    DELETE FROM task_documents WHERE task_id = old.id;
END;

-- The version before still asks here, and finds nothing: to be dropped with the next release.
DROP TABLE task_words;
CREATE VIRTUAL TABLE task_words USING fts5 (owner, title, tags, description);
