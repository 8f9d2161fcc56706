"""What a release after pgaccount changes: a column with a default, one that grows, a table that references users."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL), ("press", "0001_initial")]
    operations = [
        migrations.AddField("Article", "language", models.CharField(max_length=8, default="en")),
        migrations.AlterField("Article", "title", models.CharField(max_length=120)),
        migrations.CreateModel("Rating", [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("stars", models.SmallIntegerField()),
            ("article", models.ForeignKey("press.Article", models.CASCADE)),
            ("user", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)),
        ]),
        migrations.AlterUniqueTogether("Rating", {("article", "user")}),
    ]
