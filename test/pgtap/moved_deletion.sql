-- A soft deletion by the row trigger that moves the row to another partition: no function of the caller's runs as the
-- owner of the table, at whatever time the owner's triggers fire.
\set ON_ERROR_STOP true
BEGIN;
SELECT no_plan();
CREATE ROLE md_owner;
CREATE ROLE md_caller;
CREATE SCHEMA md AUTHORIZATION md_owner;
CREATE SCHEMA shadow AUTHORIZATION md_caller;
GRANT USAGE ON SCHEMA md, shadow TO PUBLIC;
CREATE TABLE public.ran (what text, as_role name);
GRANT INSERT ON public.ran TO PUBLIC;

SET ROLE md_owner;
CREATE TABLE md.rows (id int, deleted_at timestamptz, is_deleted boolean NOT NULL DEFAULT false) PARTITION BY LIST (is_deleted);
CREATE TABLE md.live PARTITION OF md.rows FOR VALUES IN (false);
CREATE TABLE md.dead PARTITION OF md.rows FOR VALUES IN (true);
SELECT account.enable_soft_delete('md.rows', flag => 'is_deleted') \g /dev/null
-- as most are written: it names no schema and sets no search_path
CREATE FUNCTION md.careless() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ran VALUES (TG_WHEN || ' ' || TG_OP, current_user);
    PERFORM lower(TG_NAME::text);
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE ON md.rows FOR EACH ROW EXECUTE FUNCTION md.careless();
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON md.rows FOR EACH ROW EXECUTE FUNCTION md.careless();
INSERT INTO md.rows VALUES (1), (2);
GRANT SELECT, DELETE ON md.rows TO md_caller;
-- a MERGE under row security leaves the row to the trigger, as every DELETE is where the library is not preloaded
ALTER TABLE md.rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON md.rows USING (true);
RESET ROLE;
DELETE FROM public.ran;

SET ROLE md_caller;
CREATE FUNCTION shadow.lower(text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ran VALUES ('shadow', current_user);
    RETURN pg_catalog.lower($1);
END $$;
SET LOCAL search_path = shadow, pg_catalog, public;
SELECT lives_ok($$MERGE INTO md.rows r USING (VALUES (1)) v(x) ON r.id = v.x WHEN MATCHED THEN DELETE$$, 'the caller deletes a row');
RESET search_path;
RESET ROLE;
SET LOCAL pgaccount.show_deleted = on;
SELECT results_eq('SELECT id, tableoid::regclass::text, deleted_at IS NOT NULL FROM ONLY md.dead', $$VALUES (1, 'md.dead', true)$$, '... which has moved');
SELECT set_has('SELECT what FROM public.ran', $$VALUES ('BEFORE INSERT'), ('AFTER INSERT'), ('AFTER DELETE')$$, '... and the triggers of the owner fired');
SELECT is_empty($$SELECT * FROM public.ran WHERE what = 'shadow' AND as_role <> 'md_caller'$$, 'nothing of the caller ran as anybody else');
SELECT * FROM finish();
ROLLBACK;
