// Sequelize: destroy and its counts, findOrCreate, upsert, hooks, transactions, "Users" with its camelCase columns.
import { DataTypes, Sequelize, UniqueConstraintError, ForeignKeyConstraintError } from 'sequelize';
import { done, equal, ok, refused } from '../../lib/tap.mjs';

const database = new Sequelize(process.env.PGDATABASE, process.env.PGUSER, '', { host: process.env.PGHOST, dialect: 'postgres', logging: false, pool: { max: 8 } });
const Organisation = database.define('Organisation', { name: DataTypes.STRING, slug: { type: DataTypes.STRING, unique: true, allowNull: false }, enabledModules: DataTypes.JSONB });
const User = database.define('User', {
    email: { type: DataTypes.STRING, allowNull: false, unique: true },
    password: { type: DataTypes.STRING, allowNull: false, defaultValue: '!' },
    isActive: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: true },
});
const Profile = database.define('Profile', { role: { type: DataTypes.STRING, allowNull: false, defaultValue: 'member' }, displayName: DataTypes.STRING });
const Post = database.define('Post', { title: DataTypes.STRING });
const Deal = database.define('Deal', { amount: DataTypes.DECIMAL(12, 2) });
const userKey = { name: 'userId', allowNull: false, unique: true };
User.belongsTo(Organisation, { foreignKey: 'organisationId', onDelete: 'RESTRICT' });
User.hasOne(Profile, { foreignKey: userKey, as: 'profile', onDelete: 'CASCADE' });
Profile.belongsTo(User, { foreignKey: userKey, onDelete: 'CASCADE' });
User.hasMany(Post, { foreignKey: 'authorId', as: 'posts', onDelete: 'CASCADE' });
Deal.belongsTo(User, { foreignKey: { name: 'createdBy', allowNull: false }, as: 'seller', onDelete: 'RESTRICT' });
Deal.belongsTo(Organisation, { foreignKey: 'organisationId', onDelete: 'CASCADE' });
await database.sync();

const sql = async (text, ...bind) => (await database.query(text, { bind, type: 'SELECT' })).map((row) => Object.values(row)[0]);
const login = async (email, password) => (await sql('SELECT status FROM account.login($1, $2)', email, password))[0];
const members = () => User.findAll({ include: ['profile', 'posts'], order: ['email'] });
const emails = async () => (await members()).map((user) => user.email);
// As the documentation has it: user and profile in a transaction.
const register = (email, password, displayName, organisationId = null) => database.transaction(async (transaction) => {
    const user = await User.create({ email, password, organisationId }, { transaction });
    await user.createProfile({ displayName }, { transaction });
    return user;
});

const acme = await Organisation.create({ name: 'Acme', slug: 'acme', enabledModules: ['crm'] });
const [hash] = await sql(`SELECT account.hash_password('ann''s password')`);
const ann = await register('ann@example.com', hash, 'Ann', acme.id);
const bob = await register('bob@example.com', 'x', 'Bob', acme.id);
await ann.createPost({ title: 'One' });
await ann.createPost({ title: 'Two' });
await Deal.create({ amount: 4200, createdBy: ann.id, organisationId: acme.id });
const before = await refused('23503|23001', 'without pgaccount: a user with a deal cannot be destroyed, 500', () => ann.destroy());
ok(before.table === 'Deals', 'and the error names the table');

await database.query(`SELECT account.enable_soft_delete('"Users"', 'deletedAt', children => true);
    SELECT account.unique_among_live('"Users"', 'email'); SELECT account.enable_profile('"Users"', '"Profiles"', 'userId', '{"createdAt": "now", "updatedAt": "now"}');
    SELECT account.use_tables('"Users"', '"Profiles"', '"Organisations"'); SELECT account.create_key()`);
equal(await login('ann@example.com', "ann's password"), 200, 'attached: a user logs in');

await ann.destroy();
equal(await emails(), ['bob@example.com'], 'destroy: the user is in no list');
equal([await User.findByPk(ann.id), await User.count(), await Post.count()], [null, 1, 0], 'findByPk and count do not know it, its posts are gone');
equal((await Deal.findOne({ include: 'seller' })).seller, null, 'its deal is there, without it');
equal(await login('ann@example.com', "ann's password"), 401, 'it cannot log in');
equal(await User.destroy({ where: { id: ann.id } }), 0, 'Model.destroy again: 0');

const again = await register('ann@example.com', 'x', 'Ann again', acme.id);
ok(again.id !== ann.id, 'the email registers again');
equal(await sql('SELECT "displayName" FROM "Profiles" WHERE "userId" = $1', again.id), ['Ann again'], 'with one profile, its own');
try {
    await register('ann@example.com', 'x', 'x');
    ok(false, 'once');
} catch (error) {
    equal([error instanceof UniqueConstraintError, error.fields], [true, { email: 'ann@example.com' }], 'once: a UniqueConstraintError with its field');
}
await refused('23505', 'restoring is refused while the email is taken', () => sql(`SELECT account.restore('"Users"', $1)`, ann.id));
equal(await User.destroy({ where: { email: 'ann@example.com' } }), 1, 'Model.destroy counts 1');
const [found, created] = await User.findOrCreate({ where: { email: 'ann@example.com' } });
ok(created && ![ann.id, again.id].includes(found.id), 'findOrCreate creates');
equal((await User.findOrCreate({ where: { email: 'ann@example.com' } }))[1], false, 'and then finds');
await found.destroy();
const [upserted] = await User.upsert({ email: 'ann@example.com' }, { conflictFields: ['email'] });
ok(![ann.id, again.id, found.id].includes(upserted.id), 'upsert by email makes a new user');
await User.bulkCreate([{ email: 'ann@example.com' }, { email: 'cat@example.com' }, { email: 'dan@example.com' }], { ignoreDuplicates: true });
equal((await members()).map((user) => [user.email, user.profile?.role]), ['ann', 'bob', 'cat', 'dan'].map((name) => [`${name}@example.com`, 'member']), 'one profile a user');
equal(await User.destroy({ where: { email: ['ann@example.com', 'dan@example.com', 'nobody@example.com'] } }), 2, 'a bulk destroy counts 2');
equal((await Promise.all(Array.from({ length: 8 }, () => User.destroy({ where: { id: bob.id } })))).sort(), [0, 0, 0, 0, 0, 0, 0, 1], 'eight destroy one user: one does');

equal(await sql(`SELECT account.restore('"Users"', $1)`, ann.id), ['4'], 'restore: user, profile, two posts');
const [back] = await members();
equal([back.id, back.profile.displayName, back.posts.map((post) => post.title).sort()], [ann.id, 'Ann', ['One', 'Two']], 'all is back');
equal(await login('ann@example.com', "ann's password"), 200, 'and logs in');

try {
    await acme.destroy();
    ok(false, 'an organisation with users is not destroyed');
} catch (error) {
    ok(error instanceof ForeignKeyConstraintError, 'an organisation with users is not destroyed');
}
await refused('23001', 'nor cleaned up while users stand in the way', () => sql('SELECT account.cleanup($1, $2)', '"Organisations"', acme.id));
equal((await sql(`SELECT relation::text FROM account.cleanup('"Organisations"', $1, force => true)`, acme.id)).at(-1), '"Organisations"', 'by force it goes, itself last');
equal([await sql('SELECT account.cleanup($1, $2)', '"Organisations"', acme.id), await emails()], [[], ['cat@example.com']], 'a second run finds nothing; one user is left');
await database.close();
done();
