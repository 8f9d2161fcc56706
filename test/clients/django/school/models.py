from django.contrib.auth.models import AbstractUser
from django.db import models


class Tenant(models.Model):
    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)
    enabled_modules = models.JSONField(null=True)
    is_active = models.BooleanField(default=True)


class User(AbstractUser):
    email = models.EmailField(unique=True)
    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.CASCADE)


class Profile(models.Model):
    user = models.OneToOneField(User, on_delete=models.CASCADE)
    role = models.CharField(max_length=20, default="student")
    bio = models.TextField(blank=True)


class Post(models.Model):
    author = models.ForeignKey(User, on_delete=models.CASCADE)
    title = models.CharField(max_length=100)


class Code(models.Model):
    """A voucher. Somebody chose DO_NOTHING, so that vouchers outlive their owners: the database disagrees."""

    user = models.ForeignKey(User, on_delete=models.DO_NOTHING)
    code = models.CharField(max_length=20)


class Client(models.Model):
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)


class Deal(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT)
