from django.urls import path
from rest_framework_simplejwt.views import TokenObtainPairView

from school import views

urlpatterns = [
    path("register/", views.register),
    path("import/", views.import_users),
    path("login/", TokenObtainPairView.as_view()),
    path("me/", views.me),
    path("users/", views.users),
    path("users/<int:pk>/", views.user),
    path("tenants/<int:pk>/", views.tenant),
]
