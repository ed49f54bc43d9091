-- How often.
CREATE TABLE policy (
    attempts integer
);

CREATE VIEW limits AS SELECT attempts FROM policy;
