# shellcheck shell=bash
#
# contenders.bash: how people remove one organisation of a CRM with all that hangs on it. Sourced by
# bench/run. Each contender is rolled back, so all of them find the same rows.

# One auxiliary statement of generated_statement: the rows of a table whose key is among those deleted by
# another. Usage: auxiliary number table column parent
auxiliary() {
    printf ', d%s AS (DELETE FROM crm.%s WHERE id IN (WITH RECURSIVE r (id) AS (SELECT id FROM crm.%s WHERE %s IN (SELECT id FROM d%s) UNION ALL SELECT NULL) SELECT id FROM r) RETURNING *)\n' \
        "$1" "$2" "$2" "$3" "$4"
}

# The statement that PG-recursively_delete 0.1.5 (github.com/trlorenz/PG-recursively_delete) generates, in our
# words: a data-modifying CTE for each path of foreign keys, each with the skeleton of a recursion, and the
# numbers of rows.
generated_statement() {
    local i
    echo 'WITH d0 AS (DELETE FROM crm.organization WHERE id IN (WITH RECURSIVE r (id) AS (SELECT id FROM crm.organization WHERE id IN (1) UNION ALL SELECT NULL) SELECT id FROM r) RETURNING *)'
    auxiliary 1 clients organization_id 0
    auxiliary 2 deals client_id 1
    auxiliary 3 payments deal_id 2
    auxiliary 4 users organization_id 0
    auxiliary 5 clients owner_id 4
    auxiliary 6 deals client_id 5
    auxiliary 7 payments deal_id 6
    auxiliary 8 deals created_by 4
    auxiliary 9 payments deal_id 8
    for i in 0 1 2 3 4 5 6 7 8 9; do
        printf '%s SELECT %s AS path, count(*) FROM d%s\n' "$([ "$i" = 0 ] || echo 'UNION ALL')" "$i" "$i"
    done
    echo ';'
}

# What a contender runs. Usage: cleanup_statements contender
cleanup_statements() {
    case $1 in
        hand | limit)
            [ "$1" = hand ] || echo 'SET LOCAL session_replication_role = replica;'
            cat <<'SQL'
DELETE FROM crm.payments WHERE deal_id IN (SELECT d.id FROM crm.deals d JOIN crm.clients c ON c.id = d.client_id WHERE c.organization_id = 1);
DELETE FROM crm.deals WHERE client_id IN (SELECT id FROM crm.clients WHERE organization_id = 1);
DELETE FROM crm.clients WHERE organization_id = 1;
DELETE FROM crm.users WHERE organization_id = 1;
DELETE FROM crm.organization WHERE id = 1;
SQL
            ;;
        cascade) echo 'DELETE FROM crm_cascade.organization WHERE id = 1;' ;;
        generated) generated_statement ;;
        ours) echo "SELECT count(*) FROM account.cleanup('crm.organization', 1, true);" ;;
        bare) echo "SELECT count(*) FROM account.cleanup('crm_bare.organization', 1, true);" ;;
        plan) echo "SELECT count(*) FROM account.cleanup_plan('crm.organization', 1, true);" ;;
    esac
}

# One run, into the contender's samples; the tables are looked at first, as a backend of a pool has, and
# vacuumed afterwards. Usage: cleanup_once contender
cleanup_once() {
    local schema=crm table tables=''
    case $1 in cascade | bare | collector) schema=crm_$1 ;; esac
    for table in organization users clients deals payments; do tables+="${tables:+, }$schema.$table"; done
    if [ "$1" = collector ]; then
        result=$(/usr/bin/python3 "$work/tree/bench/cleanup/collector.py" bench "$schema")
    else
        timed < <(
            echo 'SET client_min_messages = warning;'
            for table in ${tables//,/}; do echo "SELECT count(*) FROM $table;"; done
            printf 'BEGIN;\n\\timing on\n'
            cleanup_statements "$1"
            printf '\\timing off\nROLLBACK;\n'
        )
    fi
    sample "cleanup|$1"
    sql -c "VACUUM $tables"
}

# A line of the table. Usage: cleanup_row work contender floor-name floor bar
cleanup_row() { row "$1" "$3" "$(mid "cleanup|$4")" "$(mid "cleanup|$2")" "$5"; }

section_cleanup() {
    local scale deferred='NO ACTION DEFERRABLE INITIALLY DEFERRED' # Django's
    scale=$(pick 1 0.1)
    sql -c "SELECT bench.make_crm('crm', $scale, 'RESTRICT', 'CASCADE', true)" \
        -c "SELECT bench.make_crm('crm_cascade', $scale, 'CASCADE', 'CASCADE', true)" \
        -c "SELECT bench.make_crm('crm_collector', $scale, '$deferred', '$deferred', true)" \
        -c "SELECT bench.make_crm('crm_bare', $scale, 'RESTRICT', 'CASCADE', false)" -c 'VACUUM (FREEZE, ANALYZE)' -c CHECKPOINT >/dev/null
    take_turns "$(pick 5 3)" cleanup_once -- hand ours cascade bare plan limit
    take_turns "$(pick 3 2)" cleanup_once -- generated collector ours hand
    about 'cleanup' account.cleanup
    cleanup_row 'cleanup of an organisation' ours 'ordered DELETEs, indexes' hand 0.70
    cleanup_row 'cleanup of an organisation' ours 'ON DELETE CASCADE' cascade 0.90
    cleanup_row 'cleanup of an organisation' ours 'PG-recursively_delete' generated 0.333
    cleanup_row 'cleanup of an organisation' ours 'Django, Collector' collector 0.2
    cleanup_row 'cleanup, no foreign-key indexes' bare 'the same with them' ours 2
    about 'cleanup' account.cleanup_plan
    cleanup_row 'plan of that cleanup' plan 'the cleanup' ours 0.30
    about 'cleanup' 'no triggers: the limit'
    cleanup_row 'ordered DELETEs without triggers' limit 'ordered DELETEs, indexes' hand -
    sql -c 'DROP SCHEMA crm, crm_cascade, crm_collector, crm_bare CASCADE'
}

# The backend's peak for a set of five million rows.
cleanup_memory() {
    local label
    label=$(pick 5,000,000 500,000)
    peak "SELECT bench.make_crm('crm', $(pick 7.6 0.76), 'RESTRICT', 'CASCADE', false); VACUUM (FREEZE, ANALYZE);" \
        "SELECT count(*) FROM account.cleanup('crm.organization', 1, true);"
    sample 'cleanup|peak'
    about 'peak memory' account.cleanup
    row "peak memory, cleanup of $label rows" '200 MB' 200 "$(mid 'cleanup|peak')" 1 '<'
    sql -c 'DROP SCHEMA crm CASCADE'
}
