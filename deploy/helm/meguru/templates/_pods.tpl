{{/* What every pod of ours has in common. */}}
{{- define "meguru.pod" -}}
serviceAccountName: {{ include "meguru.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "meguru.container" -}}
image: {{ include "meguru.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Restart when the settings change; secrets are not ours to read, so a new password needs a rollout. */}}
{{- define "meguru.annotations" -}}
checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "meguru.spread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels: {{- include "meguru.selector" $ | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "meguru.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
{{- end -}}

{{/* One variable from a secret: {name, secret, key}. */}}
{{- define "meguru.secret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ .secret | quote }}, key: {{ .key | quote }}}
{{- end -}}

{{- define "meguru.env.database" -}}
- name: MEGURU_SERVICE
  value: {{ .service }}
- name: MEGURU_DATABASE_NAME
  value: {{ (index .root.Values.services .service).database.name | quote }}
{{- end -}}

{{/* The bus, for those who may reach it: {root, secret}. */}}
{{- define "meguru.env.nats" -}}
- name: MEGURU_NATS_URL
  value: {{ .root.Values.nats.url | quote }}
{{ include "meguru.secret" (dict "name" "MEGURU_NATS_USER" "secret" .secret "key" "username") }}
{{ include "meguru.secret" (dict "name" "MEGURU_NATS_PASSWORD" "secret" .secret "key" "password") }}
{{- end -}}

{{- define "meguru.env.blobs" -}}
{{- with .Values.blobs }}
{{- if .secret }}
{{ include "meguru.secret" (dict "name" "AWS_ACCESS_KEY_ID" "secret" .secret "key" "access-key-id") }}
{{ include "meguru.secret" (dict "name" "AWS_SECRET_ACCESS_KEY" "secret" .secret "key" "secret-access-key") }}
{{- end }}
{{- if .endpoint }}
- name: AWS_ENDPOINT
  value: {{ .endpoint | quote }}
{{- end }}
{{- if .region }}
- name: AWS_REGION
  value: {{ .region | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What the workers that write letters are given: certificates' and donations'. */}}
{{- define "meguru.env.mail" -}}
{{- with .Values.mail }}
{{- if and .host .secret }}
{{ include "meguru.secret" (dict "name" "MEGURU_SMTP_USER" "secret" .secret "key" "username") }}
{{ include "meguru.secret" (dict "name" "MEGURU_SMTP_PASSWORD" "secret" .secret "key" "password") }}
{{- end }}
{{- if and .host .authorities }}
- name: MEGURU_SMTP_AUTHORITIES
  value: /etc/meguru/mail/ca.pem
{{- end }}
{{- end }}
{{- end -}}

{{/* What certificates' worker alone is given: it signs. */}}
{{- define "meguru.env.press" -}}
{{- with .Values.timestamps }}
{{- if .url }}
- name: MEGURU_TSA
  value: {{ .url | quote }}
- name: MEGURU_TSA_CERTIFICATE_SHA256
  value: {{ join "," .certificates | quote }}
{{- end }}
{{- end }}
{{- with .Values.device }}
{{- if .module }}
- name: MEGURU_PKCS11_MODULE
  value: {{ .module | quote }}
- name: MEGURU_PKCS11_TOKEN
  value: {{ .token | quote }}
- name: MEGURU_PKCS11_LABEL
  value: {{ .label | quote }}
{{- if .secret }}
{{ include "meguru.secret" (dict "name" "MEGURU_PKCS11_PIN" "secret" .secret "key" "pin") }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The whole pod template of one process of one service: {root, service, component, command}. */}}
{{- define "meguru.process" -}}
{{- $own := index .root.Values.services .service -}}
{{- $settings := include "meguru.settings" . | fromYaml -}}
{{- $volume := .root.Values.blobs.volume -}}
{{- $press := and (eq .service "certificates") (eq .component "worker") -}}
{{- $writes := and (has .service (list "certificates" "donations")) (eq .component "worker") -}}
{{- $authorities := and $writes .root.Values.mail.host .root.Values.mail.authorities -}}
metadata:
  labels: {{- include "meguru.labels" . | nindent 4 }}
  annotations: {{- include "meguru.annotations" .root | nindent 4 }}
spec:
  {{- include "meguru.pod" .root | nindent 2 }}
  terminationGracePeriodSeconds: {{ $settings.graceSeconds }}
  topologySpreadConstraints: {{- include "meguru.spread" . | nindent 4 }}
  containers:
    - name: {{ .component }}
      {{- include "meguru.container" .root | nindent 6 }}
      command: {{- toYaml .command | nindent 8 }}
      ports:
        - {name: http, containerPort: 8000, protocol: TCP}
      envFrom:
        - configMapRef: {name: {{ include "meguru.name" .root }}-config}
      env:
        {{- include "meguru.env.database" . | nindent 8 }}
        - name: MEGURU_ROLE
          value: {{ .component }}
        {{- include "meguru.secret" (merge (dict "name" "MEGURU_APP_PASSWORD") $own.database.app) | nindent 8 }}
        {{- if eq .component "worker" }}
        {{- include "meguru.secret" (merge (dict "name" "MEGURU_CONSUMER_PASSWORD") $own.database.consumer) | nindent 8 }}
        {{- include "meguru.env.nats" (dict "root" .root "secret" $own.nats.secret) | nindent 8 }}
        {{- end }}
        {{- if $writes }}
        {{- with include "meguru.env.mail" .root | trim }}{{ . | nindent 8 }}{{ end }}
        {{- end }}
        {{- if $press }}
        {{- with include "meguru.env.press" .root | trim }}{{ . | nindent 8 }}{{ end }}
        {{- end }}
        {{- if not $volume.enabled }}
        {{- include "meguru.env.blobs" .root | trim | nindent 8 }}
        {{- end }}
        {{- if $own.keys }}
        - name: MEGURU_KEYS
          value: /run/meguru/keys
        {{- end }}
      {{- include "meguru.probes" . | nindent 6 }}
      {{- if $settings.preStopSeconds }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ $settings.preStopSeconds }}}
      {{- end }}
      resources: {{- toYaml $settings.resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if $own.keys }}
        - {name: keys, mountPath: /run/meguru/keys, readOnly: true}
        {{- end }}
        - {name: jwks, mountPath: /etc/meguru/jwks, readOnly: true}
        {{- if $authorities }}
        - {name: mail, mountPath: /etc/meguru/mail, readOnly: true}
        {{- end }}
        {{- if $volume.enabled }}
        - {name: blobs, mountPath: /var/lib/meguru/blobs}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 512Mi}
    {{- with $own.keys }}
    - name: keys
      projected:
        defaultMode: 0440
        sources:
          {{- range . }}
          - secret: {name: {{ . | quote }}}
          {{- end }}
    {{- end }}
    - name: jwks
      configMap: {name: {{ .root.Values.identity.jwks | quote }}}
    {{- with $authorities }}
    - name: mail
      configMap: {name: {{ . | quote }}}
    {{- end }}
    {{- if $volume.enabled }}
    - name: blobs
      persistentVolumeClaim: {claimName: {{ $volume.claim | default (printf "%s-blobs" (include "meguru.name" .root)) | quote }}}
    {{- end }}
{{- end -}}
