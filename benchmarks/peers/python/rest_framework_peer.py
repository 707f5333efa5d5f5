"""Django REST Framework on gunicorn: `gunicorn rest_framework_peer:application`."""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

import django
from django.conf import settings

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PEER_DATABASE"],
            "HOST": os.environ["PEER_HOST"],
            "USER": "postgres",
            "CONN_MAX_AGE": None,
        }
    },
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["rest_framework"],
    ROOT_URLCONF="rest_framework_peer",
    USE_TZ=True,
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
        "PAGE_SIZE": 100,
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

import folders  # noqa: E402  # not before Django's setup
from django.core.wsgi import get_wsgi_application  # noqa: E402  # not before Django's setup
from django.db import models  # noqa: E402  # not before Django's setup
from django.urls import path  # noqa: E402  # not before Django's setup
from rest_framework import authentication, exceptions, mixins, permissions, serializers, viewsets  # noqa: E402  # not before Django's setup


class User(models.Model):
    id = models.UUIDField(primary_key=True)
    is_active = models.BooleanField()
    is_authenticated = True

    class Meta:
        app_label, db_table, managed = "folders", "users", False


class ApiKey(models.Model):
    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE)
    hash = models.CharField(max_length=64, unique=True)
    expires_at = models.BigIntegerField(null=True)
    revoked_at = models.BigIntegerField(null=True)

    class Meta:
        app_label, db_table, managed = "folders", "api_keys", False


class Membership(models.Model):
    pk = models.CompositePrimaryKey("user_id", "organization_id")
    user = models.ForeignKey(User, models.CASCADE)
    organization_id = models.UUIDField()

    class Meta:
        app_label, db_table, managed = "folders", "memberships", False


class Project(models.Model):
    id = models.BigIntegerField(primary_key=True)
    organization_id = models.UUIDField()

    class Meta:
        app_label, db_table, managed = "folders", "projects", False


class Environment(models.Model):
    id = models.BigIntegerField(primary_key=True)
    project = models.ForeignKey(Project, models.CASCADE)

    class Meta:
        app_label, db_table, managed = "folders", "environments", False


class Folder(models.Model):
    id = models.UUIDField(primary_key=True)
    environment = models.ForeignKey(Environment, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE)
    surface = models.CharField(max_length=16)
    type = models.CharField(max_length=32)
    protocol = models.CharField(max_length=64, default="products://")
    path = models.TextField(default="", blank=True)
    created_at = models.BigIntegerField()
    updated_at = models.BigIntegerField()

    class Meta:
        app_label, db_table, managed = "folders", "persisted_folders", False


class KeyAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Any) -> tuple[User, ApiKey]:
        key = (
            ApiKey.objects.select_related("user")
            .filter(hash=folders.key_hash(request.headers.get("Authorization")), revoked_at=None, user__is_active=True)
            .first()
        )
        if key is None or (key.expires_at is not None and key.expires_at <= time.time_ns() // 1000):
            raise exceptions.AuthenticationFailed
        return key.user, key

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


class IsMember(permissions.BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        environment = Environment.objects.select_related("project").filter(id=view.kwargs["environment_id"]).first()
        if environment is None:
            return False
        return Membership.objects.filter(
            user=request.user, organization_id=environment.project.organization_id
        ).exists()


class Time(serializers.Field):
    def to_representation(self, value: int) -> str:
        return folders.time(value)


class FolderSerializer(serializers.ModelSerializer):
    type = serializers.ChoiceField(choices=["home", "pinned", "custom_products"])
    created_at = Time(read_only=True)
    updated_at = Time(read_only=True)

    class Meta:
        model = Folder
        fields = ("id", "type", "protocol", "path", "created_at", "updated_at")
        read_only_fields = ("id",)

    def create(self, validated_data: dict[str, Any]) -> Folder:
        place = {name: validated_data.pop(name) for name in ("environment_id", "user", "surface", "type")}
        now = time.time_ns() // 1000
        values = {"protocol": "products://", "path": "", **validated_data, "updated_at": now}
        folder, _ = Folder.objects.update_or_create(
            **place, defaults=values, create_defaults={**values, "id": uuid.uuid4(), "created_at": now}
        )
        return folder


class FolderViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet):
    authentication_classes = (KeyAuthentication,)
    permission_classes = (IsMember,)
    serializer_class = FolderSerializer

    def get_queryset(self) -> Any:
        return Folder.objects.filter(
            environment_id=self.kwargs["environment_id"], user=self.request.user, surface="web"
        ).order_by("type")

    def perform_create(self, serializer: FolderSerializer) -> None:
        serializer.save(environment_id=self.kwargs["environment_id"], user=self.request.user, surface="web")


urlpatterns = [
    path(
        "api/environments/<int:environment_id>/persisted_folder/",
        FolderViewSet.as_view({"get": "list", "post": "create"}),
    )
]
application = get_wsgi_application()
