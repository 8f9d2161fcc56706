// A web application's entities and services on TypeORM, as one finds them: no word of pgaccount.
import 'reflect-metadata';
import typeorm from 'typeorm';
const { DataSource, EntitySchema } = typeorm;

export const Organisation = new EntitySchema({
    name: 'Organisation',
    columns: {
        id: { type: 'uuid', primary: true, generated: 'uuid' },
        name: { type: 'varchar' },
        slug: { type: 'varchar', unique: true },
        enabledModules: { type: 'jsonb', nullable: true },
    },
});

// Its repository counts on what DELETE says; profile and posts follow by the database's cascade.
export const User = new EntitySchema({
    name: 'User',
    columns: {
        id: { type: 'uuid', primary: true, generated: 'uuid' },
        email: { type: 'varchar', unique: true },
        password: { type: 'varchar', default: '!' },
        isActive: { type: 'boolean', default: true },
    },
    relations: {
        organisation: { type: 'many-to-one', target: 'Organisation', nullable: true },
        profile: { type: 'one-to-one', target: 'Profile', inverseSide: 'user', cascade: true },
        posts: { type: 'one-to-many', target: 'Post', inverseSide: 'author', cascade: true },
    },
});

export const Profile = new EntitySchema({
    name: 'Profile',
    columns: {
        id: { type: 'int', primary: true, generated: 'increment' },
        role: { type: 'varchar', default: 'member' },
        displayName: { type: 'varchar', nullable: true },
    },
    relations: { user: { type: 'one-to-one', target: 'User', inverseSide: 'profile', joinColumn: true, nullable: false, onDelete: 'CASCADE' } },
});

export const Post = new EntitySchema({
    name: 'Post',
    columns: {
        id: { type: 'int', primary: true, generated: 'increment' },
        title: { type: 'varchar' },
    },
    relations: { author: { type: 'many-to-one', target: 'User', inverseSide: 'posts', nullable: false, onDelete: 'CASCADE' } },
});

export const Deal = new EntitySchema({
    name: 'Deal',
    columns: { id: { type: 'int', primary: true, generated: 'increment' }, amount: { type: 'numeric', precision: 12, scale: 2 } },
    relations: {
        organisation: { type: 'many-to-one', target: 'Organisation', nullable: false, onDelete: 'CASCADE' },
        createdBy: { type: 'many-to-one', target: 'User', nullable: false, onDelete: 'RESTRICT' },
    },
});

export const database = new DataSource({
    type: 'postgres', host: process.env.PGHOST, port: Number(process.env.PGPORT), username: process.env.PGUSER, database: process.env.PGDATABASE,
    uuidExtension: 'pgcrypto', installExtensions: false,
    entities: [Organisation, User, Profile, Post, Deal], synchronize: true,
});

export const users = database.getRepository(User);

export const register = (email, password, displayName, organisation = null) =>
    users.save({ email, password, organisation, profile: { displayName } });

export const members = () => users.find({ relations: { profile: true, posts: true }, order: { email: 'ASC', posts: { id: 'ASC' } } });
