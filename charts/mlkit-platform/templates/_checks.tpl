{{- /* What contradicts platform.yaml, all of it at once. The types of values are checked by values.schema.json before. */ -}}
{{- define "mlkit-platform.checks" -}}
{{- $problems := list }}
{{- $declared := .Values.platform.environments | default dict }}
{{- $namespaces := dict }}
{{- range $name, $given := .Values.environments }}
{{- $problems = concat $problems (include "mlkit-platform.checkEnvironment" (dict "root" $ "name" $name) | fromYamlArray) }}
{{- with dig $name "namespace" "" $declared }}
{{- if hasKey $namespaces . }}
{{- $problems = append $problems (printf "environments.%s: its namespace %s is that of environments.%s too; name only one of them" $name . (get $namespaces .)) }}
{{- end }}
{{- $_ := set $namespaces . $name }}
{{- end }}
{{- end }}
{{- if and .Values.environments (not .Values.airflow.serviceAccount.name) (not .Values.airflow.subjects) }}
{{- $problems = append $problems "airflow: nobody may start pods; give airflow.serviceAccount a name, or airflow.subjects" }}
{{- end }}
{{- if and .Values.sweeper.serviceAccount.create (eq .Values.sweeper.serviceAccount.name .Values.airflow.serviceAccount.name) }}
{{- $problems = append $problems "sweeper.serviceAccount: its name is that of airflow.serviceAccount; the two have different rights" }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n\nThis cannot be installed:\n- %s\n" (join "\n- " $problems)) }}
{{- end }}
{{- end }}

{{- /* The problems of one environment, as a list. */ -}}
{{- define "mlkit-platform.checkEnvironment" -}}
{{- $where := printf "environments.%s" .name }}
{{- $given := get .root.Values.environments .name | default dict }}
{{- $all := .root.Values.platform.environments | default dict }}
{{- $declared := get $all .name | default dict }}
{{- if not (hasKey $all .name) }}
- {{ printf "%s: platform.environments has no %s (it has: %s)" $where .name (keys $all | sortAlpha | join ", " | default "none") | quote }}
{{- else if eq $declared.backend "local" }}
- {{ printf "%s: its steps are processes beside Airflow (backend: local), not pods; take it away here" $where | quote }}
{{- else }}
{{- if has ($declared.service_account | default "default") (list "default" .root.Values.airflow.serviceAccount.name .root.Values.sweeper.serviceAccount.name) }}
- {{ printf "%s: give platform.environments.%s a service_account of its own, such as mlkit-steps; the steps' account has no rights" $where .name | quote }}
{{- end }}
{{- if eq $declared.namespace .root.Release.Namespace }}
- {{ printf "%s: its namespace %s is the one of this release; who starts pods beside Airflow can read Airflow's secrets" $where $declared.namespace | quote }}
{{- end }}
{{- if and $given.volume (not ((($declared.volume | default dict).claim | default ""))) }}
- {{ printf "%s.volume: platform.environments.%s names no claim; write volume: {claim: mlkit-runs, path: /runs} there" $where .name | quote }}
{{- end }}
{{- include "mlkit-platform.checkNetwork" (dict "root" .root "name" .name "given" $given "declared" $declared) }}
{{- end }}
{{- end }}

{{- /* Steps that can reach DNS only, although their runs or MLflow are elsewhere, would hang until their time limit. */ -}}
{{- define "mlkit-platform.checkNetwork" -}}
{{- $network := .given.network | default dict }}
{{- $defaults := .root.Values.defaults.network }}
{{- $enabled := ternary $network.enabled $defaults.enabled (hasKey $network "enabled") }}
{{- $rules := keys ($network.egress | default dict) ($defaults.egress | default dict) | uniq }}
{{- $remote := list }}
{{- range $place := list .declared.runs .declared.mlflow .declared.champions }}
{{- if regexMatch "^(gs|s3|https?)://" ($place | default "") }}{{ $remote = append $remote $place }}{{ end }}
{{- end }}
{{- if and $enabled $remote (not (without $rules "dns")) }}
- {{ printf "environments.%s.network: its pods would reach DNS only, but need %s; name them under network.egress, or set network.enabled to false" .name (join " and " $remote) | quote }}
{{- end }}
{{- end }}
