-- Four roles for the warehouse on PostgreSQL. Run by the owner of the tables, once they are there
-- (any `redeye` command makes them), and again after each upgrade:
--     psql "$OWNER_URL" -f infra/roles.sql
-- then: GRANT redeye_gate TO <the login that runs the nights>; GRANT redeye_writer TO <whoever else has the
-- command line>; GRANT redeye_reader TO <whoever reads>. MLflow's login gets none of them.
--   owner   makes and changes tables; nobody's everyday role
--   gate    a writer that may bless versions, which `redeye promote --day` does and nothing else
--   writer  adds predictions and outcomes and moves the pointer; takes nothing away
--   reader  sees the published predictions, nothing else

DO $$
DECLARE role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['redeye_gate', 'redeye_writer', 'redeye_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    END LOOP;
END $$;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO redeye_writer;
GRANT INSERT ON scoring_run, contender_run, prediction, publication, ledger, sample, outlier, event_key,
    evidence, tuning TO redeye_writer;  -- never changed again
GRANT INSERT, UPDATE ON fence, published, outcome, daily_metric, incident TO redeye_writer;
GRANT INSERT, DELETE ON quarantine_log TO redeye_writer;  -- a new judgement takes the old one's place
GRANT USAGE ON SEQUENCE ledger_entry_seq, tuning_entry_seq TO redeye_writer;

GRANT redeye_writer TO redeye_gate;
GRANT INSERT ON blessing TO redeye_gate;  -- never changed again
GRANT USAGE ON SEQUENCE blessing_entry_seq TO redeye_gate;

GRANT SELECT ON prediction_current TO redeye_reader;
