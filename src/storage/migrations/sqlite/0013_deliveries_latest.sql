-- Only PostgreSQL's planner needs another index here (see its migration of this number).
SELECT 1;
