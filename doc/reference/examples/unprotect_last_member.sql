CREATE TABLE orgs (id int PRIMARY KEY);
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE memberships (org_id int REFERENCES orgs, person_id int REFERENCES people, role text, PRIMARY KEY (org_id, person_id));
INSERT INTO orgs VALUES (1);
INSERT INTO people VALUES (1), (2);
INSERT INTO memberships VALUES (1, 1, 'owner'), (1, 2, 'member');
SELECT account.protect_last_member('memberships', 'org_id', 'role');
-- shown
SELECT account.unprotect_last_member('memberships');
DELETE FROM memberships WHERE person_id = 1;
