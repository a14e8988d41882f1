{{- /* What values.environments says, joined with platform.environments and defaults: a list, one item an environment. */ -}}
{{- define "mlkit-platform.environments" -}}
{{- $defaults := .Values.defaults -}}
{{- range $name, $given := .Values.environments }}
{{- $given = $given | default dict }}
{{- $declared := get ($.Values.platform.environments | default dict) $name | default dict }}
{{- $account := $given.serviceAccount | default dict }}
{{- $network := $given.network | default dict }}
- name: {{ $name | quote }}
  namespace: {{ $declared.namespace | quote }}
  team: {{ $given.team | default "" | quote }}
  createNamespace: {{ ternary $given.createNamespace true (hasKey $given "createNamespace") }}
  labels: {{ $given.labels | default dict | toJson }}
  annotations: {{ $given.annotations | default dict | toJson }}
  serviceAccount:
    name: {{ $declared.service_account | quote }}
    create: {{ ternary $account.create true (hasKey $account "create") }}
    annotations: {{ $account.annotations | default dict | toJson }}
  claim: {{ ($declared.volume | default dict).claim | default "" | quote }}
  volume: {{ $given.volume | default dict | toJson }}
  quota: {{ ternary $given.quota $defaults.quota (hasKey $given "quota") | default dict | toJson }}
  limits: {{ ternary $given.limits $defaults.limits (hasKey $given "limits") | default dict | toJson }}
  network:
    enabled: {{ ternary $network.enabled $defaults.network.enabled (hasKey $network "enabled") }}
    egress: {{ merge (deepCopy ($network.egress | default dict)) ($defaults.network.egress | default dict) | toJson }}
{{- end }}
{{- end }}

{{- define "mlkit-platform.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Who starts pods: Airflow's account beside this release, and values.airflow.subjects. */ -}}
{{- define "mlkit-platform.launchers" -}}
{{- with .Values.airflow.serviceAccount.name }}
- kind: ServiceAccount
  name: {{ . | quote }}
  namespace: {{ $.Release.Namespace | quote }}
{{- end }}
{{- range .Values.airflow.subjects }}
- kind: {{ .kind }}
  name: {{ .name | quote }}
  {{- if eq .kind "ServiceAccount" }}
  namespace: {{ .namespace | quote }}
  {{- else }}
  apiGroup: rbac.authorization.k8s.io
  {{- end }}
{{- end }}
{{- end }}
