"""A web application's models and services on SQLAlchemy 1.4, as one finds them: no word of pgaccount."""

import base64
import hashlib
import hmac
import os

from sqlalchemy import (Boolean, Column, DateTime, ForeignKey, Integer, Numeric, String, create_engine, delete, func,
                        select)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import declarative_base, joinedload, relationship, sessionmaker

Base = declarative_base()


class Organisation(Base):
    __tablename__ = "organisations"
    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
    slug = Column(String, nullable=False, unique=True)
    enabled_modules = Column(JSONB)
    members = relationship("User", back_populates="organisation", passive_deletes="all")


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    organisation_id = Column(ForeignKey("organisations.id"))
    email = Column(String(254), nullable=False, unique=True)
    password = Column(String(200), nullable=False)
    is_active = Column(Boolean, nullable=False, default=True)
    created_at = Column(DateTime(timezone=True), nullable=False, server_default=func.now())
    revision = Column(Integer, nullable=False)

    organisation = relationship("Organisation", back_populates="members")
    # The ORM deletes these itself, one statement each, and looks how many rows went.
    profile = relationship("Profile", back_populates="user", uselist=False, cascade="all, delete-orphan")
    posts = relationship("Post", back_populates="author", cascade="all, delete-orphan", order_by="Post.id")
    # These it leaves to the database.
    devices = relationship("Device", cascade="all, delete-orphan", passive_deletes=True, order_by="Device.id")

    __mapper_args__ = {"version_id_col": revision}


class Profile(Base):
    __tablename__ = "profiles"
    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("users.id"), nullable=False, unique=True)
    role = Column(String, nullable=False, server_default="member")
    display_name = Column(String)
    user = relationship("User", back_populates="profile")


class Post(Base):
    __tablename__ = "posts"
    id = Column(Integer, primary_key=True)
    author_id = Column(ForeignKey("users.id"), nullable=False)
    title = Column(String, nullable=False)
    author = relationship("User", back_populates="posts")


class Device(Base):
    __tablename__ = "devices"
    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("users.id", ondelete="CASCADE"), nullable=False)
    name = Column(String, nullable=False)


class Client(Base):
    __tablename__ = "clients"
    id = Column(Integer, primary_key=True)
    organisation_id = Column(ForeignKey("organisations.id", ondelete="CASCADE"), nullable=False)
    name = Column(String, nullable=False)


class Deal(Base):
    __tablename__ = "deals"
    id = Column(Integer, primary_key=True)
    client_id = Column(ForeignKey("clients.id", ondelete="CASCADE"), nullable=False)
    created_by = Column(ForeignKey("users.id", ondelete="RESTRICT"), nullable=False)
    amount = Column(Numeric(12, 2), nullable=False)
    seller = relationship("User")


engine = create_engine("postgresql+psycopg2://")
Session = sessionmaker(engine)


def hash_password(password):
    salt = base64.b64encode(os.urandom(9)).decode()
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 10000)
    return "pbkdf2_sha256$10000$%s$%s" % (salt, base64.b64encode(digest).decode())


def password_is(password, stored):
    _, rounds, salt, digest = stored.split("$")
    got = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(rounds))
    return hmac.compare_digest(base64.b64encode(got).decode(), digest)


def register(session, email, password, display_name, organisation=None):
    user = User(email=email, password=hash_password(password), organisation=organisation)
    user.profile = Profile(display_name=display_name)
    session.add(user)
    session.commit()
    return user


def log_in(session, email, password):
    user = session.execute(select(User).where(User.email == email, User.is_active)).scalar_one_or_none()
    return user if user and password_is(password, user.password) else None


def members(session):
    query = select(User).outerjoin(User.profile).options(joinedload(User.profile)).order_by(User.email)
    return ["%s (%s)" % (user.email, user.profile.role) for user in session.execute(query).scalars()]


def close_account(session, user_id):
    session.delete(session.get(User, user_id))
    session.commit()


def invite(session, *emails):
    """Adds those that are not there yet; how many came."""
    rows = [{"email": email, "password": "!", "revision": 1} for email in emails]
    result = session.execute(insert(User.__table__).values(rows).on_conflict_do_nothing(index_elements=["email"]))
    session.commit()
    return result.rowcount


def sign_in_with_google(session, email):
    """get_or_create in one statement, as the documentation's upsert."""
    statement = insert(User.__table__).values(email=email, password="!", revision=1)
    statement = statement.on_conflict_do_update(index_elements=["email"], set_={"is_active": True})
    user_id = session.execute(statement.returning(User.__table__.c.id)).scalar_one()
    session.commit()
    return session.get(User, user_id)


def drop_inactive(session):
    count = session.query(User).filter(User.is_active.is_(False)).delete(synchronize_session="fetch")
    session.commit()
    return count


def delete_by_email(session, *emails):
    statement = delete(User.__table__).where(User.__table__.c.email.in_(emails)).returning(User.__table__.c.email)
    deleted = sorted(session.execute(statement).scalars())
    session.commit()
    return deleted
