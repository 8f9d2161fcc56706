# shellcheck shell=bash
#
# hold.bash: DELETEs for good on tables that a hold was on once, or is on another row of. Sourced by bench/run.

# All rows but one are deleted. Usage: bulk_hold rows kind; a hold that was released, or is in force
bulk_hold() {
    local hold=
    [ "$2" = plain ] || hold="SELECT account.place_hold('bench.h', 0, 'bench') AS hold \\gset"
    [ "$2" != released ] || hold+=$'\n'"SELECT account.release_hold(:hold, 'bench') \\g /dev/null"
    timed <<SQL
SET client_min_messages = error;
DROP TABLE IF EXISTS bench.h;
CREATE TABLE bench.h (id int PRIMARY KEY, note text);
INSERT INTO bench.h SELECT i, 'some text of a row' FROM generate_series(0, $1) i;
VACUUM (FREEZE, ANALYZE) bench.h;
CHECKPOINT;
$hold
\\timing on
DELETE FROM bench.h WHERE id > 0;
SQL
    sample "hold|$2"
}

section_hold() {
    local size=200000
    about 'DELETE for good, a hold' 'its triggers'
    take_turns "$(pick 15 5)" bulk_hold "$size" -- plain released held
    row 'delete 200,000 rows, no hold any more' 'a table that never had one' "$(mid 'hold|plain')" "$(mid 'hold|released')" 1.05
    row 'delete 200,000 rows, one of which is under a hold' 'a table that never had one' "$(mid 'hold|plain')" "$(mid 'hold|held')" -
    sql -c 'DROP TABLE IF EXISTS bench.h'
}
