from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel("Publisher", [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=80, unique=True)),
        ]),
        migrations.CreateModel("Profile", [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("bio", models.TextField(blank=True)),
            ("user", models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE)),
        ]),
        migrations.CreateModel("Article", [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("title", models.CharField(max_length=100)),
            ("author", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="articles")),
            ("publisher", models.ForeignKey("press.Publisher", models.CASCADE, null=True, blank=True)),
            ("readers", models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="reading", blank=True)),
        ]),
        migrations.CreateModel("Comment", [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("text", models.TextField()),
            ("article", models.ForeignKey("press.Article", models.CASCADE, related_name="comments")),
            ("author", models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)),
        ]),
    ]
