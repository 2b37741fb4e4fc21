{{/* The stem of every name: at most 40 characters, so that the longest suffix stays below 63. What had to be cut or
     changed ends in a digest of the whole, so that two releases never meet. */}}
{{- define "meguru.name" -}}
{{- $name := .Values.name | default .Release.Name -}}
{{- if and (le (len $name) 40) (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- $name -}}
{{- else -}}
{{- printf "m%s-%s" (regexReplaceAll "[^a-z0-9-]" $name "-" | trunc 30) (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change: {root, service, component}. */}}
{{- define "meguru.selector" -}}
app.kubernetes.io/name: {{ .service }}
app.kubernetes.io/component: {{ .component }}
{{ include "meguru.release" .root }}
{{- end -}}

{{- define "meguru.release" -}}
app.kubernetes.io/part-of: meguru
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "meguru.labels" -}}
{{ include "meguru.selector" . }}
{{ include "meguru.chart" .root }}
{{- end -}}

{{- define "meguru.chart" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* The gateway's table: which service answers below which path. `/` is the front desk. */}}
{{- define "meguru.paths" -}}
erasure: [/erasure, /api/erasure]
certificates: [/certificates, /api/certificates, /verify]
refurb: [/refurb, /api/refurb]
donations: [/donations, /api/donations, /calls]
tracking: [/]
{{- end -}}

{{- define "meguru.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The settings of one process kind of one service: what holds for all, then its own: {root, service, component}. */}}
{{- define "meguru.settings" -}}
{{- $own := index .root.Values.services .service -}}
{{- mergeOverwrite (deepCopy (index .root.Values .component)) (index $own .component | default dict) | toYaml -}}
{{- end -}}
