-- Topics that no relay publishes to while they get more partitions. The generation rises with each fence and each end of
-- one: a relay that sees it rise takes a new producer, which knows the partitions as they are.
CREATE TABLE topic_fences (
    topic      text   PRIMARY KEY,
    generation bigint NOT NULL,
    fenced     bigint NOT NULL
);

-- The generation up to which all batches of this relay are over.
ALTER TABLE relay_members ADD COLUMN fence_seen bigint NOT NULL DEFAULT 0;
