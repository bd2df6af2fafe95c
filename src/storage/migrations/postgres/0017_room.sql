-- Whether a user has fewer tasks than this. In a function, so that counting is no part of what a create is estimated to
-- cost: it happens hardly ever, was nearly all of the estimate, and grew with the table. A connection that had begun on a
-- small table then took planning again at every call for cheaper, which took as long as the create itself.
CREATE FUNCTION tasks_fewer_than(owner uuid, most bigint) RETURNS boolean LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN (SELECT count(*) FROM (SELECT 1 FROM tasks WHERE user_id = owner LIMIT most) AS counted) < most;
END
$$;
