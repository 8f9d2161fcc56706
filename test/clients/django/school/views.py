from django.db import IntegrityError
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from school.models import Profile, Tenant, User


@api_view(["POST"])
def register(request):
    """Another place where profiles are made."""
    data = request.data
    try:
        user = User.objects.create_user(data["username"], data["email"], data["password"])
    except IntegrityError:
        return Response({"detail": "taken"}, status=409)
    Profile.objects.create(user=user, role=data.get("role", "student"))
    return Response({"id": user.id}, status=201)


@api_view(["POST"])
def import_users(request):
    """Signals know nothing of bulk_create."""
    users = User.objects.bulk_create(
        [User(username=name, email=name + "@school.test", password="!") for name in request.data["names"]]
    )
    return Response({"ids": [user.id for user in users]}, status=201)


@api_view(["GET"])
@permission_classes([IsAuthenticated])
def me(request):
    """A third place, for users that came without one."""
    try:
        profile = request.user.profile
    except Profile.DoesNotExist:
        profile = Profile.objects.create(user=request.user)
    return Response({"id": request.user.id, "role": profile.role})


@api_view(["GET"])
def users(request):
    return Response([user.username for user in User.objects.order_by("id")])


@api_view(["DELETE"])
def user(request, pk):
    User.objects.get(pk=pk).delete()
    return Response(status=204)


@api_view(["DELETE"])
def tenant(request, pk):
    Tenant.objects.get(pk=pk).delete()
    return Response(status=204)


class UserSerializer(ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "username", "email"]


class UserViewSet(ModelViewSet):
    queryset = User.objects.order_by("id")
    serializer_class = UserSerializer
