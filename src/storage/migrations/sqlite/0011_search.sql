-- Full text search. Triggers keep it, so that it holds for what the version before writes too.
-- A document has a number of its own: a table's hidden one changes when the database is compacted.
CREATE TABLE task_documents (
    number  integer PRIMARY KEY,
    task_id blob    NOT NULL UNIQUE
);
-- `owner` is the user's id as one word: it narrows a search down to what is theirs.
CREATE VIRTUAL TABLE task_words USING fts5 (owner, title, tags, description, tokenize = "unicode61 remove_diacritics 2");
INSERT INTO task_documents (task_id) SELECT id FROM tasks;
INSERT INTO task_words (rowid, owner, title, tags, description)
    SELECT number, hex(user_id), title, coalesce(tags, ''), description FROM task_documents JOIN tasks ON id = task_id;

CREATE TRIGGER tasks_search_insert AFTER INSERT ON tasks BEGIN
    INSERT INTO task_documents (task_id) VALUES (new.id);
    INSERT INTO task_words (rowid, owner, title, tags, description)
        SELECT number, hex(new.user_id), new.title, coalesce(new.tags, ''), new.description FROM task_documents WHERE task_id = new.id;
END;
CREATE TRIGGER tasks_search_update AFTER UPDATE OF title, description, tags ON tasks
WHEN old.title <> new.title OR old.description <> new.description OR old.tags IS NOT new.tags BEGIN
    UPDATE task_words SET title = new.title, tags = coalesce(new.tags, ''), description = new.description
        WHERE rowid = (SELECT number FROM task_documents WHERE task_id = new.id);
END;
CREATE TRIGGER tasks_search_delete AFTER DELETE ON tasks BEGIN
    DELETE FROM task_words WHERE rowid = (SELECT number FROM task_documents WHERE task_id = old.id);
    DELETE FROM task_documents WHERE task_id = old.id;
END;
