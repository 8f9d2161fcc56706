from django.contrib import admin

from . import models

admin.site.register([models.Publisher, models.Article, models.Comment])
