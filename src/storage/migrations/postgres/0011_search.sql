-- Full text search. The extensions are trusted: who may create objects in the database may create them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS unaccent;

-- The words of a task: its title before its tags before its description. A trigger keeps it, so that it holds for what the
-- version before writes too.
ALTER TABLE tasks ADD COLUMN search tsvector;
CREATE FUNCTION tasks_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := setweight(to_tsvector('simple', unaccent(NEW.title)), 'A')
        || setweight(to_tsvector('simple', unaccent(coalesce(NEW.tags, ''))), 'B')
        || setweight(to_tsvector('simple', unaccent(NEW.description)), 'C');
    RETURN NEW;
END $$;
CREATE TRIGGER tasks_search BEFORE INSERT OR UPDATE OF title, description, tags ON tasks
    FOR EACH ROW EXECUTE FUNCTION tasks_search();
UPDATE tasks SET title = title;
-- By user and word, and by user and three letters of a title: for words with mistakes.
CREATE INDEX tasks_words ON tasks USING gin (user_id, search);
CREATE INDEX tasks_letters ON tasks USING gin (user_id, title gin_trgm_ops);
