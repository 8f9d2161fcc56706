from django.contrib import admin
from django.urls import include, path
from rest_framework.routers import SimpleRouter
from rest_framework_simplejwt.views import TokenObtainPairView

from school import views

router = SimpleRouter()
router.register("users", views.UserViewSet)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include(router.urls)),
    path("register/", views.register),
    path("import/", views.import_users),
    path("login/", TokenObtainPairView.as_view()),
    path("me/", views.me),
    path("users/", views.users),
    path("users/<int:pk>/", views.user),
    path("tenants/<int:pk>/", views.tenant),
]
