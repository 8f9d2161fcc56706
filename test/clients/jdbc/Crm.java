import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;

/**
 * JDBC: executeUpdate counts, batches, server-side prepared statements from before attaching, updatable result
 * sets, generated keys.
 */
public class Crm {
    static int tests = 0;

    static void ok(boolean condition, String name) {
        System.out.println((condition ? "" : "not ") + "ok " + ++tests + " - " + name);
    }

    static void equal(Object got, Object expected, String name) {
        ok(Objects.equals(got, expected), name);
        if (!Objects.equals(got, expected)) System.out.println("# got      " + got + "\n# expected " + expected);
    }

    static SQLException refused(String sqlstate, String name, Callable<?> call) throws Exception {
        try {
            Object result = call.call();
            ok(false, name + ": " + result);
            return new SQLException();
        } catch (SQLException error) {
            boolean expected = List.of(sqlstate.split("\\|")).contains(error.getSQLState());
            ok(expected, name);
            if (!expected) System.out.println("# " + error.getSQLState() + " " + error.getMessage().replace("\n", "\n# "));
            return error;
        }
    }
    static Connection connection;

    static PreparedStatement bind(PreparedStatement statement, Object... values) throws SQLException {
        for (int i = 0; i < values.length; i++) statement.setObject(i + 1, values[i]);
        return statement;
    }

    static int update(String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = bind(connection.prepareStatement(sql), values)) {
            return statement.executeUpdate();
        }
    }

    static List<Object> column(String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = bind(connection.prepareStatement(sql), values); ResultSet rows = statement.executeQuery()) {
            List<Object> list = new ArrayList<>();
            while (rows.next()) list.add(rows.getObject(1));
            return list;
        }
    }

    static long insert(String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = bind(connection.prepareStatement(sql, new String[] {"id"}), values)) {
            statement.executeUpdate();
            try (ResultSet keys = statement.getGeneratedKeys()) {
                keys.next();
                return keys.getLong(1);
            }
        }
    }

    static void file(String path) throws Exception {
        if (new ProcessBuilder("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", path).inheritIO().start().waitFor() != 0)
            throw new Exception(path);
    }

    static Object login(String email, String password) throws SQLException {
        return column("SELECT status FROM account.login(?, ?)", email, password).get(0);
    }

    static List<Object> emails() throws SQLException {
        return column("SELECT u.email FROM users u LEFT JOIN profiles p ON p.user_id = u.id ORDER BY u.email");
    }

    public static void main(String[] args) throws Exception {
        connection = DriverManager.getConnection("jdbc:postgresql://localhost/" + System.getenv("PGDATABASE")
            + "?socketFactory=org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg&socketFactoryArg=" + System.getenv("PGHOST") + "/.s.PGSQL." + System.getenv("PGPORT")
            + "&sslmode=disable&gssEncMode=disable&user=" + System.getenv("PGUSER") + "&prepareThreshold=1");
        file("../../lib/crm.sql");
        long acme = insert("INSERT INTO organisations (name, slug) VALUES ('Acme', 'acme')");
        long ann = insert("INSERT INTO users (email, organisation_id, password) VALUES (?, ?, account.hash_password(?))", "ann@example.com", acme, "ann's password");
        long bob = insert("INSERT INTO users (email, organisation_id) VALUES (?, ?)", "bob@example.com", acme);
        update("INSERT INTO posts (author_id, title) VALUES (?, 'One'), (?, 'Two')", ann, ann);
        long client = insert("INSERT INTO clients (organisation_id, name) VALUES (?, 'First')", acme);
        update("INSERT INTO deals (client_id, created_by, amount) VALUES (?, ?, 4200)", client, ann);
        PreparedStatement close = connection.prepareStatement("DELETE FROM users WHERE id = ?");
        equal(bind(close, 4711L).executeUpdate(), 0, "a DELETE, prepared on the server before attaching");
        refused("23503|23001", "without pgaccount: a user with a deal cannot be deleted, 500", () -> bind(close, ann).executeUpdate());

        file("../../lib/crm_attach.sql");
        equal(emails(), List.of("ann@example.com", "bob@example.com"), "attached: the list is whole");
        equal(login("ann@example.com", "ann's password"), 200, "a user logs in");
        equal(bind(close, ann).executeUpdate(), 1, "executeUpdate of the prepared DELETE: 1");
        equal(bind(close, ann).executeUpdate(), 0, "again: 0");
        equal(emails(), List.of("bob@example.com"), "the user is in no list");
        equal(column("SELECT u.email FROM deals d LEFT JOIN users u ON u.id = d.created_by"), Arrays.asList((Object) null), "its deal is there, without it");
        equal(column("SELECT id FROM posts"), List.of(), "its posts are gone");
        equal(login("ann@example.com", "ann's password"), 401, "it cannot log in");

        long again = insert("INSERT INTO users (email) VALUES (?) ON CONFLICT (email) DO UPDATE SET is_active = true", "ann@example.com");
        ok(again != ann, "INSERT ... ON CONFLICT (email) registers the email again");
        equal(insert("INSERT INTO users (email) VALUES (?) ON CONFLICT (email) DO UPDATE SET is_active = true", "ann@example.com"), again, "once");
        refused("23505", "restoring is refused while the email is taken", () -> column("SELECT account.restore('users', ?)", ann));
        try (PreparedStatement batch = connection.prepareStatement("DELETE FROM users WHERE email = ?")) {
            for (String email : List.of("ann@example.com", "nobody@example.com", "ann@example.com")) {
                batch.setString(1, email);
                batch.addBatch();
            }
            equal(Arrays.toString(batch.executeBatch()), "[1, 0, 0]", "executeBatch counts each DELETE");
        }
        try (Statement batch = connection.createStatement()) {
            for (String name : List.of("cat", "dan", "eve")) batch.addBatch("INSERT INTO users (email) VALUES ('" + name + "@example.com')");
            batch.addBatch("DELETE FROM users WHERE email IN ('dan@example.com', 'eve@example.com')");
            equal(Arrays.toString(batch.executeBatch()), "[1, 1, 1, 2]", "a batch of other statements");
        }
        connection.setAutoCommit(false);
        try (Statement batch = connection.createStatement()) {
            batch.addBatch("DELETE FROM users");
            batch.addBatch("INSERT INTO users (email) VALUES (NULL)");
            refused("23502", "a batch that fails", () -> batch.executeBatch());
        }
        connection.rollback();
        equal(emails(), List.of("bob@example.com", "cat@example.com"), "takes its deletes back");
        // fetched in pieces through a portal
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(1);
            try (ResultSet rows = statement.executeQuery("SELECT email FROM users ORDER BY email")) {
                List<Object> list = new ArrayList<>();
                while (rows.next()) list.add(rows.getString(1));
                equal(list, List.of("bob@example.com", "cat@example.com"), "fetched row by row");
            }
        }
        // the driver's own DELETE, by the primary key it reads from the catalog
        try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE);
                ResultSet rows = statement.executeQuery("SELECT * FROM users WHERE email = 'cat@example.com'")) {
            rows.next();
            rows.deleteRow();
        }
        connection.commit();
        connection.setAutoCommit(true);
        equal(emails(), List.of("bob@example.com"), "ResultSet.deleteRow");
        equal(update("DELETE FROM users WHERE id = ANY(?)", connection.createArrayOf("bigint", new Object[] {4711L})), 0, "an array of nobody");
        try (Statement statement = connection.createStatement()) {
            equal(statement.executeLargeUpdate("WITH gone AS (DELETE FROM users WHERE email = 'bob@example.com' RETURNING id) DELETE FROM users u USING gone WHERE u.id = gone.id"), 0L,
                "what a statement has deleted it does not delete again");
        }
        equal(column("SELECT account.restore('users', ?)", bob), List.of(2L), "restore: user and profile");

        equal(column("SELECT account.restore('users', ?)", ann), List.of(4L), "restore: user, profile, two posts");
        equal(emails(), List.of("ann@example.com", "bob@example.com"), "who is back");
        equal(column("SELECT title FROM posts WHERE author_id = ? ORDER BY id", ann), List.of("One", "Two"), "with its posts");
        equal(column("SELECT role FROM profiles WHERE user_id = ?", ann), List.of("member"), "its profile");
        equal(column("SELECT u.email FROM deals d JOIN users u ON u.id = d.created_by"), List.of("ann@example.com"), "and its deal");
        equal(login("ann@example.com", "ann's password"), 200, "and logs in");
        equal(column("SELECT count(p.id) FROM users u LEFT JOIN profiles p ON p.user_id = u.id GROUP BY u.id"), List.of(1L, 1L), "one profile a user");
        equal(update("INSERT INTO profiles (user_id, display_name) VALUES (?, 'Ann')", ann), 1, "the application's own profile takes the place of the automatic one");
        refused("23505", "a second profile is refused", () -> update("INSERT INTO profiles (user_id) VALUES (?)", ann));

        refused("23503", "an organisation with users is not deleted", () -> update("DELETE FROM organisations WHERE id = ?", acme));
        refused("23001", "nor cleaned up while users stand in the way", () -> column("SELECT account.cleanup('organisations', ?)", acme));
        List<Object> steps = column("SELECT relation::text FROM account.cleanup('organisations', ?, force => true)", acme);
        equal(steps.get(steps.size() - 1), "organisations", "by force it goes, itself last");
        equal(column("SELECT account.cleanup('organisations', ?)", acme), List.of(), "a second run finds nothing");
        equal(emails(), List.of(), "nobody is left");
        connection.close();
        System.out.println("1.." + tests);
    }
}
