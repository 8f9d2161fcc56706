from django.apps import AppConfig
from django.db.models.signals import post_save


class SchoolConfig(AppConfig):
    name = "school"

    def ready(self):
        post_save.connect(make_profile, sender=self.get_model("User"))


def make_profile(sender, instance, created, **kwargs):
    """One place where profiles are made."""
    from school.models import Profile

    if created:
        Profile.objects.create(user=instance)
