from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from school.models import Client, Deal, Post, Profile, Tenant, User

admin.site.register(User, UserAdmin)
admin.site.register([Client, Post, Profile, Tenant])


@admin.register(Deal)
class DealAdmin(admin.ModelAdmin):
    list_display = ["client", "created_by_id"]
