# shellcheck shell=bash
#
# removal.bash: one organisation of a CRM removed in batches, against a cleanup in one transaction; what others who use
# the database meanwhile notice of it; and its memory. Sourced by bench/run.

# Rows that go in batches, of each of so many. REMOVAL_ROWS: another number for the memory, such as 10000000.
removal_batch=10000

# The CRM with as many rows of organisation 1 as are given, in schema crm. Usage: removal_tables rows
removal_tables() {
    cat <<SQL
SET client_min_messages = error;
SELECT bench.make_crm('crm', $1 / 660001.0, 'RESTRICT', 'CASCADE', true) \\g /dev/null
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
SQL
}

# Usage: bulk_removal rows kind; one transaction, or batches
bulk_removal() {
    local statement="SELECT account.cleanup('crm.organization', 1, true) \\g /dev/null"
    [ "$2" = whole ] || statement="CALL account.cleanup_batches('crm.organization', '1', true, $removal_batch);"
    timed <<SQL
$(removal_tables "$1")
\\timing on
$statement
SQL
    sample "removal|$2"
}

# What the others do: they read a client of another organisation with its deals, and add a payment.
removal_others() {
    cat <<'SQL'
\set client random(:first, :last)
BEGIN;
SELECT count(*) FROM crm.deals d WHERE d.client_id = :client;
INSERT INTO crm.payments (id, deal_id, amount) SELECT nextval('crm.payment'), min(d.id), 1 FROM crm.deals d WHERE d.client_id = :client;
UPDATE crm.clients SET pad = 'y' WHERE id = :client;
COMMIT;
SQL
}

# So many seconds of the others, beside a throttled removal, or alone: transactions a second, and the latency that one
# in a hundred exceeds, in microseconds. Usage: removal_beside rows seconds kind
removal_beside() {
    local clients removal=
    sql -f <(removal_tables "$1")
    sql -c 'CREATE SEQUENCE crm.payment START 1000000000'
    clients=$(sql -c 'SELECT max(id) FROM crm.clients')
    removal_others >"$work/others.pgbench"
    rm -f "$work"/others.log*
    if [ "$3" = beside ]; then
        sql -c "CALL account.cleanup_batches('crm.organization', '1', true, 1000, max_wal_per_second => 1000000)" \
            >"$work/log/removal" 2>&1 &
        removal=$!
        until [ "$(sql -c "SELECT done > 0 FROM account.removal WHERE state = 'running'")" = t ]; do
            kill -0 "$removal" 2>/dev/null || die "the removal failed: $(cat "$work/log/removal")"
            sleep 0.2 # it plans, and seals
        done
    fi
    QUIET=1 STEP_TIMEOUT=3600 step "$work/log/pgbench" pgbench -n -c 2 -j 1 -T "$2" -M prepared -l --log-prefix="$work/others.log" \
        -D first=$((clients / 2 + 1)) -D last="$clients" -f "$work/others.pgbench" bench || {
        cat "$work/log/pgbench"
        die "pgbench failed"
    }
    if [ -n "$removal" ]; then
        [ "$(sql -c "SELECT state FROM account.removal ORDER BY id DESC LIMIT 1")" = running ] || die "the removal was over too early"
        sql -c 'SELECT account.cancel_removal(max(id)) FROM account.removal' >/dev/null
        wait "$removal" || die "the removal failed: $(cat "$work/log/removal")"
    fi
    result=$(awk '/^tps = / { printf "%.3f", $3 }' "$work/log/pgbench")
    sample "beside|$3|tps"
    result=$(awk '{ print $3 }' "$work"/others.log* | sort -n | awk '{ v[NR] = $1 } END { print v[int(NR * 0.99)] }')
    sample "beside|$3|p99"
}

# The backend's peak. Usage: removal_peak rows statement
removal_peak() {
    peak "SELECT bench.make_crm('crm', $1 / 660001.0, 'RESTRICT', 'CASCADE', true); VACUUM (FREEZE, ANALYZE);" \
        "SELECT count(*) FROM crm.payments; SELECT count(*) FROM crm.deals; SELECT count(*) FROM crm.clients; $2"
}

section_removal() {
    local size rows
    size=$(pick 1000000 200000)
    about 'removal in batches' account.cleanup_batches
    take_turns "$(pick 5 3)" bulk_removal "$size" -- whole batches
    row "remove $(thousands "$size") rows, $(thousands "$removal_batch") a batch" 'cleanup in one transaction' "$(mid 'removal|whole')" "$(mid 'removal|batches')" 1.5

    about 'others beside a removal in batches' 'beside it, throttled'
    take_turns "$(pick 5 3)" removal_beside "$size" "$(pick 20 5)" -- alone beside
    row 'transactions of other tenants a second' 'alone' "$(mid 'beside|alone|tps')" "$(mid 'beside|beside|tps')" 0.9 '>='
    row 'latency of other tenants, 99th percentile' 'alone' "$(mid 'beside|alone|p99')" "$(mid 'beside|beside|p99')" 2

    rows=${REMOVAL_ROWS:-$size}
    restart_with 'shared_buffers = 64MB'
    removal_peak "$rows" 'SELECT 1;'
    sample 'removal|idle|peak'
    removal_peak "$rows" "CALL account.cleanup_batches('crm.organization', '1', true, $removal_batch);"
    sample 'removal|batches|peak'
    about 'peak memory' account.cleanup_batches
    # the bar is a difference: at most 64 MB more; as a ratio it is one of the peaks
    row "peak memory, remove $(thousands "$rows") rows in batches" 'the same tables read' "$(mid 'removal|idle|peak')" "$(mid 'removal|batches|peak')" \
        "$(awk -v p="$(mid 'removal|idle|peak')" 'BEGIN { printf "%.3f", (p + 64) / p }')"
    restart_with ''
    sql -c 'DROP SCHEMA crm CASCADE'
}
