// The schema: what doc/recipes/node.md shows for Prisma, and models that keep their rows.
import fs from 'node:fs';

const recipe = fs.readFileSync(new URL('../../../doc/recipes/node.md', import.meta.url), 'utf8').split(/^## /m).find((section) => section.startsWith('Prisma\n'));
const block = (language) => [...recipe.matchAll(new RegExp('^```' + language + '\n(.*?)^```', 'gms'))].map((found) => found[1]).join('\n');

export const attach = block('sql');
export const attached = `datasource db {
  provider = "postgresql"
}

generator client {
  provider = "prisma-client-js"
}

${block('prisma').replace(/^model User \{\n/m, '$&  deals     Deal[]\n  notes     Note[]\n')}
model Deal {
  id        Int   @id @default(autoincrement())
  amount    Int
  owner     User? @relation(fields: [ownerId], references: [id])
  ownerId   Int?
}

model Note {
  id        Int   @id @default(autoincrement())
  writer    User  @relation(fields: [writerId], references: [id])
  writerId  Int
}
`;
export const before = attached.replace(/^ *deletedAt .*\n/gm, '');

fs.writeFileSync(new URL('schema.prisma', import.meta.url), attached);
