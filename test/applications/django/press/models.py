import os

from django.conf import settings
from django.db import models

# the code that is deployed: migrations of the next one are run while it serves
RELEASE = int(os.environ.get("RELEASE", "1"))


class Publisher(models.Model):
    name = models.CharField(max_length=80, unique=True)

    def __str__(self):
        return self.name


class Profile(models.Model):
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE)
    bio = models.TextField(blank=True)


class Article(models.Model):
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="articles")
    publisher = models.ForeignKey(Publisher, models.CASCADE, null=True, blank=True)
    title = models.CharField(max_length=120 if RELEASE == 2 else 100)
    readers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="reading", blank=True)
    if RELEASE == 2:
        language = models.CharField(max_length=8, default="en")

    def __str__(self):
        return self.title


class Comment(models.Model):
    article = models.ForeignKey(Article, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    text = models.TextField()


if RELEASE == 2:
    class Rating(models.Model):
        article = models.ForeignKey(Article, models.CASCADE)
        user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
        stars = models.SmallIntegerField()

        class Meta:
            unique_together = [("article", "user")]
